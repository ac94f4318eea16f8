// No secret gets into a message, however it is written down there.
import { expect, test } from '@jest/globals'
import { redact } from '../../packages/adapter/src/redact.js'

const SECRET = 'hunter2'

test.each([
  [
    `no answer from postgres://app:${SECRET}@db/app?sslmode=require now`,
    'no answer from postgres://[hidden] now',
  ],
  [`POSTGRESQL://app:${SECRET}@db/app`, 'POSTGRESQL://[hidden]'],
  [`prisma+postgres://localhost:1/?api_key=${SECRET}`, 'prisma+postgres://[hidden]'],
  [`postgres://db/app?password=${SECRET}`, 'postgres://[hidden]'],
  [`"postgres://app:it's${SECRET}@db/app" is not`, '"postgres://[hidden]" is not'],
  [`'postgres://app:"${SECRET}"@db/app' is not`, `'postgres://[hidden]' is not`],
  [`'postgres://app:a ${SECRET}@db/app' is not`, `'postgres://[hidden]' is not`],
  [`dblink('postgres://app:it''s${SECRET}@db/app', 1)`, `dblink('postgres://[hidden]', 1)`],
  [`{"url":"postgres://app:a\\"${SECRET}@db/app"}`, '{"url":"postgres://[hidden]"}'],
  [`'postgres://app:${SECRET}@db without an end\nnext`, `'postgres://[hidden]\nnext`],
  [`postgres://app:a"b'${SECRET}@db/app next`, 'postgres://[hidden] next'],
  [`mysql://app:${SECRET}@db and https://${SECRET}@host/path`, 'mysql://[hidden] and https://[hidden]'],
  [`host=db password=${SECRET} user=app`, 'host=db password=[hidden] user=app'],
  [`password = '${SECRET} and more' user=app`, 'password = [hidden] user=app'],
  [`password='a\\'${SECRET}' user=app`, 'password=[hidden] user=app'],
  [`password=a\\ ${SECRET} user=app`, 'password=[hidden] user=app'],
  [`password=a"b;c&${SECRET} user=app`, 'password=[hidden] user=app'],
  [`Host=db;Pwd=${SECRET}`, 'Host=db;Pwd=[hidden]'],
  [`PGPASSWORD=${SECRET} psql`, 'PGPASSWORD=[hidden] psql'],
  [`sslpassword=${SECRET} sslmode=require`, 'sslpassword=[hidden] sslmode=require'],
  [`{"password":"${SECRET}","user":"app"}`, '{"password":[hidden],"user":"app"}'],
  [`{"password" : "a\\"${SECRET}" }`, '{"password" : [hidden] }'],
  [`{\\"password\\":\\"${SECRET}\\",\\"user\\":1}`, '{\\"password\\":[hidden],\\"user\\":1}'],
  [`{ password: '${SECRET}', user: 'app' }`, "{ password: [hidden], user: 'app' }"],
  [`{ 'db_password': \`${SECRET}\` }`, "{ 'db_password': [hidden] }"],
  [`password: ${SECRET}\nuser: app`, 'password: [hidden]\nuser: app'],
  [`'password' => '${SECRET}'`, "'password' => [hidden]"],
  [`ALTER USER app PASSWORD '${SECRET}' VALID`, 'ALTER USER app PASSWORD [hidden] VALID'],
  [`ALTER USER app PASSWORD\n E'a\\'${SECRET}'`, 'ALTER USER app PASSWORD\n [hidden]'],
  [`ALTER USER app PASSWORD $a$${SECRET}$a$ VALID`, 'ALTER USER app PASSWORD [hidden] VALID'],
  [`passphrase: "${SECRET}"`, 'passphrase: [hidden]'],
  [`a password='${SECRET}`, 'a password=[hidden]'],
  [
    `-----BEGIN RSA PRIVATE KEY-----\n${SECRET}\n-----END RSA PRIVATE KEY-----`,
    '-----BEGIN RSA PRIVATE KEY-----[hidden]-----END RSA PRIVATE KEY-----',
  ],
  [`password=${SECRET} and password=${SECRET}`, 'password=[hidden] and password=[hidden]'],
])('%s', (message, expected) => {
  expect(redact(message)).toBe(expected)
  expect(expected).not.toContain(SECRET)
})

test.each([
  'password authentication failed for user "app"',
  'empty password returned by client',
  'no pg_hba.conf entry for host "10.0.0.1", user "app", database "app"',
  'https://www.postgresql.org/docs/18/sql-set.html',
  'Invalid password:',
  'duplicate key value violates unique constraint "User_email_key"',
  'Key ("email")=(ada@x) already exists.',
  '',
])('%s: nothing is hidden', (message) => {
  expect(redact(message)).toBe(message)
})

test.each(['password=', 'postgres://', 'a://b:', "password='", 'pwd', 'a.', '-----BEGIN '])(
  'a message of a megabyte of %s takes no longer',
  (part) => {
    expect(redact(part.repeat(1_000_000 / part.length))).toMatch(/^[^]{0,1000100}$/)
  },
)
