import pg from 'pg'
export class A { c: pg.Client | undefined = new pg.Client() }
