// Keeps connection strings, and so passwords, out of messages: of the pool as of Prisma.

/** A message without the connection URLs and `password=` settings that someone may have put into it. */
export function redact(message: string): string {
  return message
    .replace(/\b(postgres(?:ql)?|prisma\+postgres):\/\/[^\s"'`]+/gi, '$1://[hidden]')
    .replace(/\b(password|pwd)=[^\s&;"')]+/gi, '$1=[hidden]')
}
