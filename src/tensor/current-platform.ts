/** The platform that runs this: Node where there is one, else a browser. */

import type { Platform } from "./platform.ts";
import { browserPlatform } from "./platform-browser.ts";
import { nodePlatform } from "./platform-node.ts";

export const platform: Platform = nodePlatform() ?? browserPlatform();
