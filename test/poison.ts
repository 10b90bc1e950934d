/** Loaded before all tests: what reads a tensor's bytes after their release gets NaN instead of yesterday's numbers. */

import { memory } from "../src/tensor/memory.ts";

memory.poison = true;
