// Every sslmode against a server with TLS, without it, and one that lets in by one way only. The server itself
// says whether a session is encrypted, and by which certificate.
import { copyFileSync, readFileSync } from 'node:fs'
import { type AddressInfo, createConnection, createServer } from 'node:net'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { RealPool, type RealPoolOptions } from 'prisma-pg-real-pool'
import { testOrSkip } from '../support/or-skip.js'
import { Proxy } from '../support/proxy.js'
import { PASSPHRASE, PASSWORD, startTlsServer, type TlsServer } from '../support/tls-server.js'
import { sleepRuns, SUBJECT } from './support.js'

/** Since PostgreSQL 17. */
const hasDirectNegotiation = process.env.LOCAL_POSTGRES_VERSION !== '14'

let server: TlsServer

beforeAll(async () => {
  server = await startTlsServer()
}, 60_000)

afterAll(() => server.stop())

const proxies: Proxy[] = []

afterEach(() => {
  for (const proxy of proxies.splice(0)) proxy.close()
})

async function openProxy(): Promise<Proxy> {
  const proxy = await Proxy.inFrontOf(server.url('anyone'))
  proxies.push(proxy)
  return proxy
}

interface Session {
  /** What the server says: encrypted, and the name in the client's certificate. */
  readonly ssl: boolean
  readonly client: string | null
}

const TLS: Session = { ssl: true, client: null }
const PLAIN: Session = { ssl: false, client: null }

async function connect(options: string | RealPoolOptions): Promise<Session> {
  const given = typeof options === 'string' ? { connectionString: options } : options
  await using pool = new RealPool({ ...given, pool: { maxSize: 1, timeout: '5s' } })
  await pool.open()
  return await pool.use(async (client) => {
    const { rows } = await client.query<Session>(
      'SELECT ssl, client_dn AS client FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    )
    expect(inspect(client, { depth: 12 })).not.toMatch(/s3cret|PRIVATE KEY/)
    return rows[0]!
  })
}

/** Why no connection was made; also that no secret is told. */
async function refusal(options: string | RealPoolOptions): Promise<string> {
  try {
    const session = await connect(options)
    return `connected: ${JSON.stringify(session)}`
  } catch (error) {
    expect(inspect(error, { depth: 12 })).not.toMatch(/s3cret|PRIVATE KEY/)
    return (error as Error).message
  }
}

const ca = () => `sslrootcert=${server.file('ca')}`
const otherCa = () => `sslrootcert=${server.file('otherCa')}`

describe('a server with TLS', () => {
  test.each([
    ['', TLS],
    ['sslmode=disable', PLAIN],
    ['sslmode=allow', PLAIN],
    ['sslmode=prefer', TLS],
    ['sslmode=require', TLS],
    ['sslmode=no-verify', TLS],
    ['ssl=no-verify', TLS],
    ['ssl=false', PLAIN],
    ['sslmode=require&uselibpqcompat=true', TLS],
  ])('%p', async (query, expected) => {
    expect(await connect(server.url('anyone', query))).toEqual(expected)
  })

  test('an authority that signed its certificate', async () => {
    for (const mode of ['allow', 'prefer', 'require', 'verify-ca', 'verify-full']) {
      const expected = mode === 'allow' ? PLAIN : TLS
      expect([mode, await connect(server.url('anyone', `sslmode=${mode}&${ca()}`))]).toEqual([mode, expected])
    }
    expect(await connect(server.url('anyone', ca()))).toEqual(TLS)
  })

  test('another authority: refused by those that verify, and prefer goes on without', async () => {
    for (const mode of ['require', 'verify-ca', 'verify-full']) {
      expect(await refusal(server.url('anyone', `sslmode=${mode}&${otherCa()}`))).toMatch(
        /unable to verify|self.signed.*Name the file of the certificate authority in sslrootcert/i,
      )
    }
    expect(await connect(server.url('anyone', `sslmode=prefer&${otherCa()}`))).toEqual(PLAIN)
    expect(await refusal(server.url('anyone', otherCa()))).toMatch(/certificate/)
  })

  test('a name that is not in the certificate: only verify-full minds', async () => {
    expect(await connect(server.url('anyone', `sslmode=verify-ca&${ca()}`, '127.0.0.1'))).toEqual(TLS)
    expect(await connect(server.url('anyone', `sslmode=require&${ca()}`, '127.0.0.1'))).toEqual(TLS)
    expect(await refusal(server.url('anyone', `sslmode=verify-full&${ca()}`, '127.0.0.1'))).toMatch(
      /The certificate is for another host name/,
    )
  })

  test('what the system trusts does not include a private authority', async () => {
    for (const query of ['sslrootcert=system', 'sslmode=verify-full', 'ssl=true']) {
      expect(await refusal(server.url('anyone', query))).toMatch(/certificate/)
    }
  })

  test('the versions of TLS that are allowed', async () => {
    expect(await connect(server.url('anyone', 'sslmode=require&ssl_max_protocol_version=TLSv1.2'))).toEqual(
      TLS,
    )
    expect(await refusal(server.url('anyone', 'sslmode=require&ssl_max_protocol_version=TLSv1.1'))).toMatch(
      /could not connect/,
    )
  })

  testOrSkip(hasDirectNegotiation ? undefined : 'needs PostgreSQL 17')('direct negotiation', async () => {
    expect(await connect(server.url('anyone', 'sslnegotiation=direct'))).toEqual(TLS)
    expect(await connect(server.url('anyone', `sslnegotiation=direct&sslmode=verify-full&${ca()}`))).toEqual(
      TLS,
    )
    expect(
      await connect({ connectionString: server.url('anyone', 'sslmode=require'), sslnegotiation: 'direct' }),
    ).toEqual(TLS)
  })

  test('the field `ssl` wins over the URL', async () => {
    const connectionString = server.url('anyone', 'sslmode=verify-full')
    expect(await connect({ connectionString, ssl: false })).toEqual(PLAIN)
    expect(await connect({ connectionString, ssl: { rejectUnauthorized: false } })).toEqual(TLS)
    expect(await connect({ connectionString, ssl: { ca: readFileSync(server.file('ca')) } })).toEqual(TLS)
    expect(await refusal({ connectionString, ssl: true })).toMatch(/certificate/)
  })

  test('a socket of the file system has no use for it', async () => {
    const url = `postgresql://anyone:${PASSWORD}@localhost:${server.port}/postgres?host=${server.socketFolder}`
    expect(await connect(`${url}&sslmode=require`)).toEqual(PLAIN)
    const encoded = encodeURIComponent(server.socketFolder)
    expect(await connect(`postgresql://anyone:${PASSWORD}@${encoded}:${server.port}/postgres`)).toEqual(PLAIN)
  })

  test('the environment stands in for what the URL does not say', async () => {
    const saved = { ...process.env }
    try {
      process.env['PGSSLMODE'] = 'disable'
      expect(await connect(server.url('anyone'))).toEqual(PLAIN)
      expect(await connect(server.url('anyone', 'sslmode=require'))).toEqual(TLS)
      process.env['PGSSLMODE'] = 'verify-full'
      process.env['PGSSLROOTCERT'] = server.file('ca')
      expect(await connect(server.url('anyone'))).toEqual(TLS)
      expect(await refusal(server.url('anyone', '', '127.0.0.1'))).toMatch(/another host name/)
    } finally {
      process.env = saved
    }
  })
})

describe('a server that lets in by one way only', () => {
  test('by TLS: allow and prefer come in, disable does not', async () => {
    expect(await connect(server.url('tls_only', 'sslmode=allow'))).toEqual(TLS)
    expect(await connect(server.url('tls_only', 'sslmode=prefer'))).toEqual(TLS)
    expect(await refusal(server.url('tls_only', 'sslmode=disable'))).toMatch(/no encryption/)
  })

  test('in plain text: prefer and allow come in, require does not', async () => {
    expect(await connect(server.url('plain_only', 'sslmode=prefer'))).toEqual(PLAIN)
    expect(await connect(server.url('plain_only', 'sslmode=allow'))).toEqual(PLAIN)
    expect(await refusal(server.url('plain_only', 'sslmode=require'))).toMatch(/SSL encryption/)
  })

  test('a wrong password is not sent a second time, the other way', async () => {
    for (const mode of ['prefer', 'allow']) {
      const proxy = await openProxy()
      const connectionString = proxy.urlOf(server.url('anyone', `sslmode=${mode}`))
      expect(await refusal({ connectionString, password: 'wrong' })).toMatch(/password authentication failed/)
      expect(proxy.accepted).toBe(1)
    }
  })
})

describe('a server without TLS', () => {
  beforeAll(() => server.setTls(false))
  afterAll(() => server.setTls(true))

  test('prefer and allow go on in plain text, on one connection', async () => {
    for (const query of ['', 'sslmode=prefer', 'sslmode=allow', 'sslmode=disable']) {
      const proxy = await openProxy()
      const session = await connect(proxy.urlOf(server.url('anyone', query)))
      expect([query, session, proxy.accepted]).toEqual([query, PLAIN, 1])
    }
  })

  test.each(['require', 'verify-full'])('%s says what is the matter', async (mode) => {
    expect(await refusal(server.url('anyone', `sslmode=${mode}`))).toMatch(
      /The server does not support SSL connections. Use sslmode=prefer/,
    )
  })

  test('allow tells the refusal that counts', async () => {
    expect(await refusal(server.url('tls_only', 'sslmode=allow'))).toMatch(/no pg_hba.conf entry/)
  })
})

test('something that answers the request for TLS with an error is talked to in plain text, if that is allowed', async () => {
  const old = createServer((client) => {
    client.on('error', () => {})
    client.once('data', (first: Buffer) => {
      // Message 80877103 asks for TLS; an error is what a server says that does not know it.
      if (first.readInt32BE(4) === 80_877_103) client.end('E')
      else {
        const target = createConnection(server.port, 'localhost')
        target.on('error', () => {}).write(first)
        client.pipe(target).pipe(client)
      }
    })
  })
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = old.address() as AddressInfo
    const options = { connectionString: server.url('anyone'), host: '127.0.0.1', port }
    expect(await connect(options)).toEqual(PLAIN)
    const required = { ...options, connectionString: server.url('anyone', 'sslmode=require') }
    expect(await refusal(required)).toMatch(/error establishing an SSL connection/)
  } finally {
    old.close()
  }
})

describe('certificates of our own', () => {
  const query = (key: string, more = '') =>
    `sslmode=verify-full&${ca()}&sslcert=${server.file('cert')}&sslkey=${key}${more}`

  test('the server knows us by it', async () => {
    expect(await connect(server.url('certified', query(server.file('key'))))).toEqual({
      ssl: true,
      client: '/CN=certified',
    })
    expect(await refusal(server.url('certified', `sslmode=require`))).toMatch(/client certificate/)
  })

  test('with a key that is locked', async () => {
    const locked = server.file('lockedKey')
    expect(await connect(server.url('certified', query(locked, `&sslpassword=${PASSPHRASE}`)))).toMatchObject(
      { client: '/CN=certified' },
    )
    expect(await refusal(server.url('certified', query(locked, '&sslpassword=wrong-s3cret')))).toMatch(
      /cannot be used/,
    )
  })

  test('that are renewed while the pool lives', async () => {
    const cert = server.write('renewed.crt', 'not yet')
    const key = server.write('renewed.key', 'not yet')
    const url = server.url('certified', `sslmode=require&sslcert=${cert}&sslkey=${key}`)
    expect(await refusal(url)).toMatch(/cannot be used/)
    copyFileSync(server.file('cert'), cert)
    copyFileSync(server.file('key'), key)
    await using pool = new RealPool({
      connectionString: url,
      pool: { minSize: 0, maxSize: 2, timeout: '2s' },
    })
    await pool.open()
    await pool.use(async (client) => {
      await client.query('SELECT 1')
      server.write('renewed.crt', 'spoilt')
      await expect(pool.acquire()).rejects.toThrow(/cannot be used/)
      copyFileSync(server.file('cert'), cert)
      await pool.use((other) => other.query('SELECT 1'))
    })
  })

  test('a field of node-postgres that has one shows no key', async () => {
    const [cert, key] = [
      readFileSync(server.file('cert'), 'utf8'),
      readFileSync(server.file('lockedKey'), 'utf8'),
    ]
    const ssl = { rejectUnauthorized: false, cert, key, passphrase: PASSPHRASE }
    expect(await connect({ connectionString: server.url('certified'), ssl })).toMatchObject({
      client: '/CN=certified',
    })
  })
})

describe("Prisma 6's parameters", () => {
  test('sslaccept decides whether the certificate counts; sslcert is the authority', async () => {
    const cert = `sslcert=${server.file('ca')}`
    const wrong = `sslcert=${server.file('otherCa')}`
    expect(await connect(server.url('anyone', `${cert}&sslaccept=strict`))).toEqual(TLS)
    expect(await refusal(server.url('anyone', `${wrong}&sslaccept=strict`))).toMatch(/certificate/)
    expect(await refusal(server.url('anyone', `${cert}&sslaccept=strict`, '127.0.0.1'))).toMatch(
      /another host/,
    )
    expect(await connect(server.url('anyone', `${wrong}&sslaccept=accept_invalid_certs`))).toEqual(TLS)
    expect(await connect(server.url('anyone', `sslmode=require&${wrong}`))).toEqual(TLS)
  })

  test('sslidentity is a certificate of our own', async () => {
    const identity = `sslidentity=${server.file('identity')}`
    expect(await connect(server.url('certified', `${identity}&sslpassword=${PASSPHRASE}`))).toEqual({
      ssl: true,
      client: '/CN=certified',
    })
    expect(await refusal(server.url('certified', `${identity}&sslpassword=wrong-s3cret`))).toMatch(
      /cannot be used/,
    )
  })
})

describe('channel binding', () => {
  const required = 'sslmode=require&channel_binding=require'

  test('that is required is used', async () => {
    expect(await connect(server.url('anyone', required))).toEqual(TLS)
    expect(await connect(server.url('anyone', 'sslmode=require&channel_binding=prefer'))).toEqual(TLS)
    expect(await connect(server.url('anyone', 'sslmode=disable&channel_binding=prefer'))).toEqual(PLAIN)
  })

  test.each([
    ['anyone', 'sslmode=disable&channel_binding=require'],
    ['cleartext', required],
    ['trusted', required],
  ])('cannot be had by %s with %s', async (role, query) => {
    expect(await refusal(server.url(role, query))).toMatch(
      /the server did not offer channel binding, which channel_binding=require asks for/,
    )
  })
})

describe('channel binding that cannot be had', () => {
  test.each(['anyone', 'cleartext'])(
    'is missed before anything of the password of %s is sent',
    async (role) => {
      const sent: Buffer[] = []
      const proxy = createServer((client) => {
        const target = createConnection(server.port, 'localhost')
        client.on('data', (chunk) => sent.push(chunk))
        for (const socket of [client, target]) {
          socket.on('error', () => {})
          socket.on('close', () => (client.destroy(), target.destroy()))
        }
        client.pipe(target).pipe(client)
      })
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
      try {
        const { port } = proxy.address() as AddressInfo
        const connectionString = server.url(role, 'sslmode=disable&channel_binding=require')
        expect(await refusal({ connectionString, host: '127.0.0.1', port })).toMatch(
          /channel_binding=require/,
        )
        const text = Buffer.concat(sent).toString('latin1')
        expect(text).toContain(role)
        expect(text).not.toMatch(/s3cret|SCRAM/)
      } finally {
        proxy.close()
      }
    },
  )
})

test('a statement is cancelled by the same way', async () => {
  const direct = hasDirectNegotiation ? ['sslnegotiation=direct'] : []
  for (const query of ['sslmode=verify-full', ...direct, 'sslmode=prefer', 'sslmode=disable']) {
    await using pool = new RealPool({
      connectionString: server.url('anyone', query === 'sslmode=verify-full' ? `${query}&${ca()}` : query),
      application_name: SUBJECT,
      pool: { maxSize: 1, minSize: 0 },
    })
    await pool.open()
    const lease = await pool.acquire()
    const ended = lease.client.query('SELECT pg_sleep(60)').catch((error: Error) => error.message)
    await sleepRuns(server)
    await lease.release()
    expect(await ended).toContain('canceling statement')
  }
})
