// A certificate authority for one test run, and certificates that it signs. Nothing of it is of use elsewhere.
import forge from 'node-forge'

const { pki } = forge

export interface Certificate {
  /** PEM. */
  readonly cert: string
  /** PEM. */
  readonly key: string
}

interface Subject {
  readonly commonName: string
  readonly hosts?: readonly string[]
}

const DAY_MS = 86_400_000

export class Authority {
  readonly cert: string
  readonly #certificate: forge.pki.Certificate
  readonly #keys: forge.pki.rsa.KeyPair
  #issued = 1

  constructor(commonName: string) {
    this.#keys = pki.rsa.generateKeyPair(2048)
    this.#certificate = this.#draft(commonName, this.#keys.publicKey)
    this.#certificate.setIssuer(this.#certificate.subject.attributes)
    this.#certificate.setExtensions([
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ])
    this.#certificate.sign(this.#keys.privateKey, forge.md.sha256.create())
    this.cert = pki.certificateToPem(this.#certificate)
  }

  issue({ commonName, hosts = [] }: Subject): Certificate {
    const keys = pki.rsa.generateKeyPair(2048)
    const certificate = this.#draft(commonName, keys.publicKey)
    certificate.setIssuer(this.#certificate.subject.attributes)
    // 2: the name of a host (RFC 5280, 4.2.1.6).
    const altNames = hosts.map((value) => ({ type: 2, value }))
    certificate.setExtensions([
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      ...(hosts.length === 0 ? [] : [{ name: 'subjectAltName', altNames }]),
    ])
    certificate.sign(this.#keys.privateKey, forge.md.sha256.create())
    return { cert: pki.certificateToPem(certificate), key: pki.privateKeyToPem(keys.privateKey) }
  }

  #draft(commonName: string, publicKey: forge.pki.rsa.PublicKey): forge.pki.Certificate {
    const certificate = pki.createCertificate()
    certificate.publicKey = publicKey
    certificate.serialNumber = `0${this.#issued++}`
    // A day on either side, lest clocks or time zones matter.
    certificate.validity.notBefore = new Date(Date.now() - DAY_MS)
    certificate.validity.notAfter = new Date(Date.now() + DAY_MS)
    certificate.setSubject([{ name: 'commonName', value: commonName }])
    return certificate
  }
}

/** The key, encrypted (PKCS #8). */
export function withPassphrase({ key }: Certificate, passphrase: string): string {
  const info = pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(pki.privateKeyFromPem(key)))
  return pki.encryptedPrivateKeyToPem(pki.encryptPrivateKeyInfo(info, passphrase, { algorithm: 'aes256' }))
}

/** Certificate and key in one file (PKCS #12), as Prisma 6 wants them. */
export function asIdentity({ cert, key }: Certificate, password: string): Buffer {
  const asn1 = forge.pkcs12.toPkcs12Asn1(
    pki.privateKeyFromPem(key),
    [pki.certificateFromPem(cert)],
    password,
    { algorithm: 'aes256' },
  )
  return Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'binary')
}
