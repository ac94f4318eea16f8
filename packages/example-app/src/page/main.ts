/**
 * The dashboard: connects what the service tells with the panels that show it.
 */
import { Charts } from './charts.js'
import { ControlPanel } from './controls.js'
import { byId, setText } from './dom.js'
import { count } from './format.js'
import { listen } from './feed.js'
import { Lanes } from './lanes.js'
import { showLaneTable } from './lane-table.js'
import { Model } from './model.js'
import { showResult } from './result.js'
import { showSlowHolders } from './slow-holders.js'
import { showTotals } from './totals.js'

const LINK = { live: 'Live', lost: 'Connecting again …' } as const

const link = byId('link', HTMLParagraphElement)
const pool = byId('pool', HTMLParagraphElement)
const controls = new ControlPanel()
const charts = new Charts()
const lanes = new Lanes()
let model: Model | undefined

listen('dashboard/events', {
  onSnapshot(snapshot) {
    model = new Model(snapshot, model)
    const { name, min, max } = snapshot.pool
    setText(pool, `${name}: ${count(min)} to ${count(max)} connections`)
    showLink('live')
    show(model)
  },
  onTick(tick) {
    model?.add(tick)
    if (model) show(model)
  },
  onLost: () => showLink('lost'),
})

byId('lanes-details', HTMLDetailsElement).addEventListener('toggle', () => {
  if (model) showLaneTable(model.now.lanes)
})

function showLink(state: keyof typeof LINK): void {
  link.dataset['state'] = state
  setText(link, LINK[state])
}

function show(model: Model): void {
  const { settings, maxCallers, points, lanes: connections, totals, slowHolders, slowHolderMs } = model.now
  controls.show(settings, maxCallers)
  showResult(model)
  charts.show(points)
  lanes.show(connections)
  showLaneTable(connections)
  showTotals(totals)
  showSlowHolders(slowHolders, slowHolderMs)
}
