/**
 * The service listens on the developer's own machine, where every web page that is open in a browser can reach it.
 * Only the service's own pages, and programs, may use it.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'

const OWN_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

export function refuseForeignPages(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const message = refusalOf(request)
    if (message === undefined) return
    await reply.status(403).send({ error: 'forbidden', message })
  })
}

function refusalOf({ headers }: FastifyRequest): string | undefined {
  const { host = '', origin } = headers
  // A page can have its own name lead to this machine (DNS rebinding). Then the browser takes it for ours.
  if (!OWN_HOSTS.has(hostnameOf(host))) return 'The host of the request is not this machine.'
  if (origin !== undefined && origin !== `http://${host}`) return 'The request is from a page elsewhere.'
  // Images, scripts and their like are sent without an origin. A link may lead here.
  const { 'sec-fetch-site': site = 'none', 'sec-fetch-mode': mode } = headers
  const isOwn = site === 'none' || site === 'same-origin' || mode === 'navigate'
  return isOwn ? undefined : 'The request is from a page elsewhere.'
}

function hostnameOf(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase()
}
