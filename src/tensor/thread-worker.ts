/** A worker of the pool: waits for commands in shared memory and does tasks of them, for ever. */

import { platform } from "./current-platform.ts";
import { Control, functionTable, PAGE_BYTES, pause, SLOT, type ThreadStart, workOff } from "./thread-program.ts";

/**
 * How long a worker looks for the next command before it sleeps. In a training step JavaScript takes 14 to 49 µs between two
 * kernels on average, and some pauses are many times as long; an idle pool has to rest after a millisecond.
 */
const SPIN_MS = 0.8;

/** The ticket of a command that is not number `seen`. */
function nextTicket(slots: Int32Array, seen: number): number {
  let until = 0;
  for (let turn = 0; ; turn++) {
    const ticket = Atomics.load(slots, SLOT.ticket);
    if (ticket >>> 8 !== seen) return ticket;
    pause();
    if ((turn & 63) !== 63) continue;
    const now = performance.now();
    if (until === 0) until = now + SPIN_MS;
    if (now < until) continue;
    Atomics.add(slots, SLOT.sleepers, 1);
    Atomics.wait(slots, SLOT.ticket, ticket);
    Atomics.sub(slots, SLOT.sleepers, 1);
    until = 0;
  }
}

function serve({ memory, module, control: buffer, index }: ThreadStart): never {
  const control = new Control(buffer);
  const { slots } = control;
  const { functions } = functionTable(memory, module);
  Atomics.add(slots, SLOT.ready, 1);
  let number = 0;
  for (;;) {
    number = nextTicket(slots, number) >>> 8;
    // What is read here may already belong to a later command; then taking a task fails.
    const call = functions[slots[SLOT.function]];
    const tasks = slots[SLOT.tasks];
    const units = slots[SLOT.units];
    const grain = slots[SLOT.grain];
    const given = Array.from(control.arguments.subarray(0, slots[SLOT.argumentCount]));
    const scratch = (slots[SLOT.scratch] >>> 0) + index * (slots[SLOT.scratchBytes] >>> 0);
    const pages = slots[SLOT.memoryPages];
    workOff(control, number, tasks, units, grain, (begin, end) => {
      // A memory that another thread has grown shows its new size here only after this.
      if (memory.buffer.byteLength < pages * PAGE_BYTES) memory.grow(0);
      call(...given, begin, end, scratch);
    });
  }
}

platform.onStart((message) => serve(message as ThreadStart));
