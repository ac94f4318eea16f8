// After all tests: ends the server that global-setup.ts started, if it did.
// Jest wants a default export.
// eslint-disable-next-line no-restricted-syntax
export default async function globalTeardown(): Promise<void> {
  await globalThis.testServer?.stop()
}
