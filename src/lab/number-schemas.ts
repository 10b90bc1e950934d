/** What numbers in an experiment may be. */

import { z } from "zod";

export const number = z.number("must be a number");
export const whole = number.int("must be a whole number").positive("must be above 0");
export const fraction = number.gt(0, "must lie between 0 and 1").lt(1, "must lie between 0 and 1");
