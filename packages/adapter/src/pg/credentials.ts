/** Asks the user's functions where the next connection goes, and with which password. */
import { CredentialsError, messageOf } from './connect-failure.js'
import type { ConnectionConfig, SessionConfig } from './connection-config.js'

export async function credentialsFor(config: ConnectionConfig): Promise<SessionConfig> {
  const session = await asked('connection', config.next)
  const { password } = session.client
  if (typeof password !== 'function') return session
  const answer: unknown = await asked('password', password)
  if (typeof answer === 'string' && answer !== '') {
    return { ...session, client: { ...session.client, password: answer } }
  }
  const found = answer === '' ? 'an empty one' : answer === null ? 'null' : typeof answer
  throw new CredentialsError(`\`password\` did not return a password, but ${found}`)
}

async function asked<T>(name: string, ask: () => T | Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw new CredentialsError(`\`${name}\` failed: ${messageOf(error)}`, { cause: error })
  }
}
