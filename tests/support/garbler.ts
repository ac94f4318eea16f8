// Spoils what is said on a wire: a word becomes another, once, as if something had hit the statement on its way.

export class Garbler {
  #next: { readonly word: string; readonly by: string } | undefined

  /** Replaces a word, the first time that it is said from now on, by another of the same length. */
  garble(word: string, by: string): void {
    this.#next = { word, by }
  }

  /** Takes back what has not happened yet. */
  spare(): void {
    this.#next = undefined
  }

  /** What of these bytes is passed on. */
  garbled(bytes: Buffer): Buffer {
    const at = this.#next === undefined ? -1 : bytes.indexOf(this.#next.word)
    if (this.#next === undefined || at < 0) return bytes
    const garbled = Buffer.from(bytes)
    garbled.write(this.#next.by, at)
    this.#next = undefined
    return garbled
  }
}
