// The dashboard in a browser. What it shows is compared with what the server says; its looks are kept as pictures in
// .data/screenshots, for people to look at.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import type { AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { describeInChromium, launchChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { type LiveService, startLiveService } from './live.js'

const MAX_SIZE = 16
const SCREENSHOTS = path.resolve(__dirname, '../../.data/screenshots')
const DESKTOP = { width: 1280, height: 900 }
const PHONE = { width: 390, height: 844 }

/** Until the figures of the page, which are the highest of a few seconds, belong to the present settings. */
const SETTLED = { timeoutMs: 20_000, intervalMs: 200 }

describeInChromium('the dashboard in a browser', () => {
  let service: LiveService
  let browser: Browser
  let page: Page
  const complaints: string[] = []

  beforeAll(async () => {
    ;[service, browser] = await Promise.all([
      startLiveService({ callers: 12, maxSize: MAX_SIZE }),
      launchChromium(),
    ])
    page = await browser.newPage({ viewport: DESKTOP, colorScheme: 'light' })
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })
    page.on('pageerror', ({ message }) => complaints.push(message))
    page.on('response', (response) => {
      if (!response.ok()) complaints.push(`${response.status()} ${response.url()}`)
    })
    await page.goto(service.address)
  })
  afterAll(async () => {
    await browser?.close()
    await service?.stop()
  })

  async function inUseOnPage(): Promise<number> {
    return Number(await page.locator('#in-use').textContent())
  }
  const headline = () => page.locator('#headline').textContent()

  it('shows the pool, the load and figures as soon as it is loaded', async () => {
    await page.getByText('Live', { exact: true }).waitFor()
    expect(await page.locator('#pool').textContent()).toMatch(/^pool-\d+: 1 to 16 connections$/)
    expect(await page.getByRole('slider', { name: 'Callers' }).inputValue()).toBe('12')
    expect(await page.getByRole('radio', { name: 'Release as soon as possible' }).isChecked()).toBe(true)
    await eventually(async () => {
      expect(Number(await page.locator('#rate').textContent())).toBeGreaterThan(0)
      expect(await page.locator('#totals div').first().textContent()).toMatch(/^Payments made\d/)
    })
  })

  it('shows each connection in use when requests hold theirs, by a key of the keyboard', async () => {
    await page.getByRole('radio', { name: 'Release as soon as possible' }).focus()
    await page.keyboard.press('ArrowDown')
    await eventually(async () => expect(await service.inUse()).toHaveLength(12), SETTLED)
    await eventually(async () => expect(await headline()).toBe('12 callers occupy 12 connections.'), SETTLED)
    expect(await page.locator('#lanes').getAttribute('aria-label')).toMatch(
      /^12 connections, .*idle in transaction/,
    )
  })

  it('shows a full pool and who waits when the slider is moved beyond it', async () => {
    const slider = page.getByRole('slider', { name: 'Callers' })
    await slider.focus()
    for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowRight')
    expect(await page.locator('#callers-value').textContent()).toBe('24')
    await eventually(async () => expect(await service.inUse()).toHaveLength(MAX_SIZE), SETTLED)
    await eventually(async () => {
      expect(await headline()).toMatch(/^24 callers occupy 16 connections, and \d waits? for one\.$/)
      expect(await page.locator('#comparison').textContent()).toContain(
        'Held for the whole request16 connections',
      )
    }, SETTLED)
  })

  it('shows few connections for the same callers when they are released', async () => {
    await page.getByRole('radio', { name: 'Release as soon as possible' }).check()
    await eventually(async () => {
      expect((await service.inUse()).length).toBeLessThanOrEqual(MAX_SIZE / 2)
      const shown = await inUseOnPage()
      expect(shown).toBeLessThanOrEqual(MAX_SIZE / 2)
      const connections = shown === 1 ? 'connection' : 'connections'
      expect(await headline()).toBe(`24 callers share ${shown} ${connections}.`)
    }, SETTLED)
    expect(await page.locator('#comparison').textContent()).toMatch(
      /^Released as soon as possible\d+ connections?Held for the whole request16 connections$/,
    )
    await eventually(async () => {
      expect(await page.locator('#announcement').textContent()).toMatch(
        /^24 callers share \d+ connections?\.$/,
      )
    }, SETTLED)
  })

  it('shows the connections as a table, too', async () => {
    await page.getByText('As a table').click()
    const rows = page.locator('#lanes-rows tr')
    await eventually(async () => {
      const pids = await rows.locator('td:first-child').allTextContents()
      const backends = await service.database.backends('ledger')
      expect(pids).toEqual(backends.map(({ pid }) => String(pid)))
    })
    expect(await rows.first().textContent()).toMatch(/SELECT|UPDATE|INSERT|COMMIT|BEGIN/)
    await page.getByText('As a table').click()
  })

  it.each([
    ['desktop', 'light', DESKTOP],
    ['desktop', 'dark', DESKTOP],
    ['phone', 'light', PHONE],
    ['phone', 'dark', PHONE],
  ] as const)('can be used by everyone on a %s, %s', async (device, colorScheme, viewport) => {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize(viewport)
    await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'))
    const { violations } = await page.evaluate<AxeResults>('axe.run()')
    const told = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
    expect(told).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
    await page.screenshot({ path: path.join(SCREENSHOTS, `${device}-${colorScheme}.png`), fullPage: true })
  })

  it('agrees with another window about the settings', async () => {
    const other = await browser.newPage()
    await other.goto(service.address)
    const here = page.getByRole('slider', { name: 'Callers' })
    const there = other.getByRole('slider', { name: 'Callers' })
    await eventually(async () => expect(await there.inputValue()).toBe('24'))
    await there.fill('8')
    await eventually(async () => expect(await here.inputValue()).toBe('8'))
    await other.close()
  })

  it('has complained of nothing so far', () => {
    expect(complaints).toEqual([])
  })

  it('says when the service is away, and comes back with it', async () => {
    await service.restart(async () => {
      await page.getByText('Connecting again …').waitFor()
    })
    await page.getByText('Live', { exact: true }).waitFor()
  })
})
