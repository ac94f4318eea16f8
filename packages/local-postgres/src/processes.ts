// Small helpers around processes: waiting for an exit within a deadline, and signals for a whole server.
import { execFileSync, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

export function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Resolves to whether the process has exited within that time. */
export function exitsWithin(child: ChildProcess, timeoutMs: number): Promise<boolean> {
  if (hasExited(child)) return Promise.resolve(true)
  return new Promise((resolve) => {
    const settle = (exited: boolean) => {
      clearTimeout(timer)
      child.off('exit', onExit).off('error', onExit)
      resolve(exited)
    }
    const onExit = () => settle(true)
    const timer = setTimeout(() => settle(false), timeoutMs)
    // `error` comes instead of `exit` where the program could not even be started.
    child.on('exit', onExit).on('error', onExit)
  })
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Signals a postmaster and its children. Each backend is a session of its own, so a group will not do. */
export function signalServer(postmaster: number, signal: NodeJS.Signals): void {
  if (signal === 'SIGCONT') {
    for (const pid of childrenOf(postmaster)) kill(pid, signal)
    kill(postmaster, signal)
    return
  }
  // The postmaster first: from then on there are no new children to miss.
  kill(postmaster, signal)
  for (const pid of childrenOf(postmaster)) kill(pid, signal)
}

function childrenOf(parent: number): number[] {
  return processTable()
    .filter(([, ppid]) => ppid === parent)
    .map(([pid]) => pid)
}

/** Pairs of process and parent. Linux images without `ps` are common, hence /proc there. */
export function processTable(): [pid: number, ppid: number][] {
  if (process.platform === 'win32') return []
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
    return lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number])
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name): [number, number][] => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        // pid (name) state ppid …, and the name may hold spaces and parentheses.
        return [[Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])]]
      } catch {
        return [] // It has ended since we listed it.
      }
    })
}
