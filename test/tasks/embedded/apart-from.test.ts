import { expect } from "chai";
import fc from "fast-check";
import { apartFrom } from "../../../src/tasks/embedded/apart-from.ts";
import { textKey } from "../../../src/tasks/embedded/text-key.ts";

describe("apartFrom", () => {
  it("keeps exactly the items that share no key with the others", () => {
    const keys = fc.array(fc.integer({ min: 0, max: 20 }).map(String), { maxLength: 3 });
    fc.assert(
      fc.property(fc.array(keys), fc.array(keys), (items, others) => {
        const kept = apartFrom(items, others, (item) => item);
        const shares = (item: readonly string[]) => others.some((other) => other.some((key) => item.includes(key)));
        expect(kept).to.deep.equal(items.filter((item) => !shares(item)));
      }),
    );
  });
});

describe("textKey", () => {
  it("does not see case, marks and white space, and sees every letter", () => {
    const letters = fc.stringMatching(/^[a-zé0-9]{1,6}$/);
    const gap = fc.constantFrom("", " ", "  ", ", ", "!\n", " -- ", "'");
    fc.assert(
      fc.property(fc.array(fc.tuple(letters, gap)), (pieces) => {
        const text = pieces.map(([part, after], index) => (index % 2 === 0 ? part.toUpperCase() : part) + after);
        expect(textKey(`"${text.join("")}`)).to.equal(pieces.map(([part]) => part).join(""));
      }),
    );
  });
});
