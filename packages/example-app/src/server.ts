/**
 * The HTTP service: routes, and nothing but the way from a request to the ledger and back.
 */
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Registry } from 'prom-client'
import { type Dashboard, registerDashboard } from './dashboard/routes.js'
import { refuseForeignPages } from './foreign-pages.js'
import { toHttpProblem } from './http-errors.js'
import type { Ledger, TransferOutcome } from './ledger.js'
import { pay, payInOneTransaction, pretendScreening, type Screening } from './payment.js'
import * as schemas from './schemas.js'
import { closeUnusedSockets } from './unused-sockets.js'
import { accountView, statementView, transferView } from './views.js'

export interface ServerDependencies {
  readonly ledger: Ledger
  /** Rejects when the database does not answer. */
  readonly probe: () => Promise<void>
  /** Rejects when the pool has no connection to lend. */
  readonly ready: () => Promise<void>
  /** Served at `/metrics`. */
  readonly metrics?: Registry
  readonly screen?: Screening
  readonly logger?: FastifyServerOptions['logger']
  /** Served at `/`; its controls decide how payments treat their connection. */
  readonly dashboard?: Dashboard
}

export function createServer(dependencies: ServerDependencies): FastifyInstance {
  const { ledger, probe, ready, metrics, screen = pretendScreening, logger = false, dashboard } = dependencies
  const app = Fastify({ logger })
  refuseForeignPages(app)

  app.setErrorHandler((error, request, reply) => {
    const { status, body } = toHttpProblem(error)
    if (status >= 500) request.log.error(error)
    if (status === 503) reply.header('retry-after', 1)
    return reply.status(status).send(body)
  })

  // Callers that are answered while the server closes are told to hang up: a connection that they kept for
  // their next request would keep the server from ever being closed.
  const closing = new AbortController()
  app.addHook('preClose', (done) => {
    closing.abort()
    done()
  })
  app.addHook('onSend', async (_request, reply) => {
    if (closing.signal.aborted) reply.header('connection', 'close')
  })
  closeUnusedSockets(app, closing.signal)

  app.post<{ Body: schemas.AccountBody }>(
    '/accounts',
    { schema: { body: schemas.accountBody } },
    async (request, reply) => {
      const account = await ledger.openAccount(request.body)
      return reply.status(201).send(accountView(account))
    },
  )

  app.get<{ Params: schemas.AccountParams }>(
    '/accounts/:id',
    { schema: { params: schemas.accountParams } },
    async (request) => accountView(await ledger.account(request.params.id)),
  )

  app.get<{ Params: schemas.AccountParams; Querystring: schemas.StatementQuery }>(
    '/accounts/:id/statement',
    { schema: { params: schemas.accountParams, querystring: schemas.statementQuery } },
    async (request) => {
      const { limit, before } = request.query
      const page = { limit, ...(before !== undefined && { before: BigInt(before) }) }
      return statementView(await ledger.statement(request.params.id, page))
    },
  )

  app.post<{ Body: schemas.TransferBody }>(
    '/transfers',
    { schema: { body: schemas.transferBody } },
    async (request, reply) => {
      const outcome = await ledger.transfer(request.body)
      return reply.status(statusOf(outcome)).send(transferView(outcome.transfer))
    },
  )

  app.post<{ Body: schemas.TransferBody }>(
    '/payments',
    { schema: { body: schemas.transferBody } },
    async (request, reply) => {
      const isHeld = dashboard?.controls.settings.conduct === 'hold'
      const outcome = await (isHeld ? payInOneTransaction : pay)(ledger, screen, request.body)
      return reply.status(statusOf(outcome)).send(transferView(outcome.transfer))
    },
  )

  const answer = (path: string, question: () => Promise<unknown>, yes: object, no: object): void => {
    app.get(path, async (request, reply) => {
      try {
        await question()
        return yes
      } catch (error) {
        request.log.warn(error)
        return reply.status(503).send(no)
      }
    })
  }
  answer('/healthz', probe, { database: 'up' }, { database: 'down' })
  answer('/readyz', ready, { pool: 'ready' }, { pool: 'not ready' })

  if (metrics) {
    app.get('/metrics', async (_request, reply) =>
      reply.type(metrics.contentType).send(await metrics.metrics()),
    )
  }

  if (dashboard) registerDashboard(app, dashboard)
  return app
}

/** 201 for a transfer made now, 200 for one that an earlier request with the same key made. */
function statusOf({ created }: TransferOutcome): number {
  return created ? 201 : 200
}
