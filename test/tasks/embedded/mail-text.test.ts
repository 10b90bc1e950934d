import { expect } from "chai";
import fc from "fast-check";
import { mailText } from "../../../src/tasks/embedded/mail-text.ts";

const mail = (headers: readonly string[], body: string): string => `${headers.join("\n")}\n\n${body}`;

describe("mailText", () => {
  it("keeps of the headers the subject alone", () => {
    const word = fc.stringMatching(/^[a-z]{1,8}$/);
    const name = fc.stringMatching(/^X-[A-Z][a-z]{1,8}$/);
    const header = fc
      .tuple(name, fc.array(word, { minLength: 1 }))
      .map(([key, words]) => `${key}: HEADER${words.join(" ")}`);
    fc.assert(
      fc.property(fc.array(header), fc.array(word), fc.array(word), (headers, subject, body) => {
        const raw = mail(
          ["From sender Thu Aug 22", ...headers, `Subject: ${subject.join(" ")}`, ...headers],
          body.join("\n"),
        );
        expect(mailText(raw)).to.deep.equal({ subject: subject.join(" "), body: body.join(" ") });
      }),
    );
  });

  it("takes the marks of replies and lists off the subject and decodes it", () => {
    const subjectOf = (subject: string) => mailText(mail([`Subject: ${subject}`], "text")).subject;
    expect(subjectOf("Re: [ILUG] Re: a question\n\tabout disks")).to.equal("a question about disks");
    expect(subjectOf("=?iso-8859-1?Q?Caf=E9_offers?=")).to.equal("Café offers");
    expect(subjectOf("=?us-ascii?B?ZnJlZQ==?= money")).to.equal("free money");
  });

  it("takes the plain part of a mail with several", () => {
    const inner = mail(
      ['Content-Type: multipart/alternative; boundary="in"'],
      "--in\nContent-Type: text/html\n\n<p>rich</p>\n--in\n\nplain\n--in--",
    );
    const raw = mail(
      ["Content-Type: multipart/mixed;\n boundary=out", "Subject: s"],
      `preamble\n--out\n${inner}\n--out\nContent-Type: image/gif\n\nR0lG\n--out--\nepilogue`,
    );
    expect(mailText(raw)).to.deep.equal({ subject: "s", body: "plain" });
  });

  it("decodes base64 and quoted-printable", () => {
    const encoded = (encoding: string, body: string) =>
      mailText(mail([`Content-Transfer-Encoding: ${encoding}`], body)).body;
    expect(encoded("base64", "aGVsbG8g\ndGhlcmU=")).to.equal("hello there");
    expect(encoded("base64", "a")).to.equal("");
    expect(encoded("Quoted-Printable", "one=20tw=\no =3D three")).to.equal("one two = three");
  });

  it("makes text of HTML, whether it says that it is or not", () => {
    const html =
      "<html><head><title>t</title><style>b {x}</style></head><body>Fish &amp; <b>chips</b><!-- c --> &nbsp;1 < 2</body></html>";
    for (const type of ["text/html", "text/plain"])
      expect(mailText(mail([`Content-Type: ${type}`], html)).body).to.equal("Fish & chips 1 < 2");
  });

  it("drops addresses, feeds' heads, the signs of quoting and footers", () => {
    const body =
      "URL: http://a.b/c\nDate: today\n\n> see http://x.y/z?q=1 or www.x.org,\n>> write to <me@home.net>\nBye\n-- \nList maintainer";
    expect(mailText(mail([], body)).body).to.equal("see or write to Bye");
    expect(mailText(mail([], "Hello\n_______________________________________________\nlist")).body).to.equal("Hello");
  });
});
