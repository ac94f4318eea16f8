/**
 * The dashboard's routes: the page and what it loads, its stream of events, and its controls.
 */
import { dirname, resolve } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { type Controls, readSettings } from './controls.js'
import type { Monitor } from './monitor.js'
import { EventStreams, MOST_STREAMS } from './stream.js'

/** The same folders from src/dashboard and from dist/dashboard. */
const PACKAGE = resolve(__dirname, '../..')
const CHARTS = dirname(require.resolve('uplot'))

/** Nothing comes from elsewhere, and nothing of the page goes elsewhere. */
const PAGE_HEADERS = {
  // What is rebuilt shows at the next visit; it is small and near.
  'cache-control': 'no-cache',
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

export interface Dashboard {
  readonly monitor: Monitor
  readonly controls: Controls
}

export function registerDashboard(app: FastifyInstance, { monitor, controls }: Dashboard): void {
  const streams = new EventStreams(monitor)
  app.addHook('preClose', (done) => {
    streams.cut()
    done()
  })

  app.register(fastifyStatic, {
    root: [resolve(PACKAGE, 'public'), resolve(PACKAGE, 'dist/page')],
    cacheControl: false,
    setHeaders: (response) => {
      for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value)
    },
  })
  app.register(fastifyStatic, {
    root: CHARTS,
    prefix: '/vendor/',
    decorateReply: false,
    allowedPath: (path) => ['/uPlot.esm.js', '/uPlot.min.css'].includes(path),
  })

  // Without a HEAD route, for which Fastify would open a stream and read it for ever.
  app.get('/dashboard/events', { exposeHeadRoute: false }, (_request, reply) => {
    const stream = streams.open()
    if (stream === undefined) {
      const message = `There are ${MOST_STREAMS} dashboards open already.`
      return reply.status(503).header('retry-after', 1).send({ error: 'too_many_streams', message })
    }
    return reply
      .headers({
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      })
      .send(stream)
  })

  app.get('/dashboard/settings', () => controls.settings)

  app.patch('/dashboard/settings', (request) => {
    controls.set(readSettings(request.body, controls.maxCallers))
    return controls.settings
  })
}
