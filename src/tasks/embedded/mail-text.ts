/** What the writer of a mail wrote, out of the mail as it was sent. */

export interface MailText {
  /** Without marks of replies and mailing lists. */
  readonly subject: string;
  /** The text part, or the HTML part without its tags; white space is single spaces. */
  readonly body: string;
}

interface MailPart {
  /** Without parameters, in lower case: "text/plain" where a part has no type. */
  readonly type: string;
  readonly boundary?: string;
  readonly encoding: string;
  readonly subject: string;
  readonly content: string;
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
/** What mailing lists and mail programs put under a text. */
const FOOTER = /^(-- ?|_{20,}|-{20,}\nThis sf\.net .*)$/m;
/** What a program that turns news feeds into mails puts above a text. */
const FEED_LINE = /^(URL|Date):.*$/gm;
/** Bodies that say they are plain text and are not. */
const LOOKS_LIKE_HTML = /<(html|body|table|font|div|p|br|a href)\b[^>]*>/i;

/**
 * Subject and body of a raw mail (RFC 822; parts and encodings of MIME). All other header lines are gone, and of the body list
 * footers, feeds' lines of date and address, the signs of quoted lines, addresses of the web and of mail, HTML tags, and
 * bytes that the file could not hold as text.
 */
export function mailText(raw: string): MailText {
  // A mailbox puts a line of its own before the headers of every mail.
  const mail = partOf(raw.replace(/\r\n?/g, "\n").replace(/^From .*\n/, ""));
  const part = textPart(mail);
  const decoded = part === undefined ? "" : decode(part.content, part.encoding);
  const isHtml = part?.type === "text/html" || LOOKS_LIKE_HTML.test(decoded);
  return { subject: plainSubject(mail.subject), body: plainBody(isHtml ? withoutTags(decoded) : decoded) };
}

function partOf(raw: string): MailPart {
  const border = raw.startsWith("\n") ? 0 : raw.indexOf("\n\n");
  const headers = (border < 0 ? raw : raw.slice(0, border)).replace(/\n[ \t]+/g, " ");
  const header = (name: string): string => new RegExp(`^${name}:[ \t]*(.*)$`, "im").exec(headers)?.[1].trim() ?? "";
  const contentType = header("content-type");
  return {
    type: contentType.split(";")[0].trim().toLowerCase() || "text/plain",
    boundary: /boundary\s*=\s*(?:"([^"]+)"|([^\s;]+))/i.exec(contentType)?.slice(1).find(Boolean),
    encoding: header("content-transfer-encoding").toLowerCase(),
    subject: header("subject"),
    content: border < 0 ? "" : raw.slice(border).replace(/^\n+/, ""),
  };
}

/** The first plain text of a mail's parts, else the first HTML. */
function textPart(part: MailPart): MailPart | undefined {
  const leaves = leavesOf(part);
  return leaves.find(({ type }) => type === "text/plain") ?? leaves.find(({ type }) => type === "text/html");
}

function leavesOf(part: MailPart): MailPart[] {
  if (!part.type.startsWith("multipart/") || part.boundary === undefined) return [part];
  const [, ...parts] = `\n${part.content}`.split(`\n--${part.boundary}`);
  const inside = parts.filter((text) => !text.startsWith("--")).map((text) => text.replace(/^[ \t]*\n/, ""));
  return inside.flatMap((text) => leavesOf(partOf(text)));
}

function decode(text: string, encoding: string): string {
  if (encoding === "base64") return decodeBase64(text);
  return encoding === "quoted-printable" ? decodeQuotedPrintable(text) : text;
}

/** Bytes as Latin-1; nothing where the text is damaged. */
function decodeBase64(text: string): string {
  try {
    return atob(text.replace(/[^A-Za-z0-9+/]/g, "")).replace(/\r\n?/g, "\n");
  } catch {
    return "";
  }
}

function decodeQuotedPrintable(text: string): string {
  return text
    .replace(/=[ \t]*\n/g, "")
    .replace(/=([0-9A-Fa-f]{2})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
}

function withoutTags(html: string): string {
  return html
    .replace(/<(style|script|title)\b[\s\S]*?<\/\1\s*>/gi, " ")
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/<[a-z/!?][^<>]*>/gi, " ")
    .replace(/&(#?\w+);?/g, (_, name) => ENTITIES[name.toLowerCase()] ?? " ");
}

function plainSubject(subject: string): string {
  const decoded = subject.replace(/=\?[^?\s]*\?([bq])\?([^?]*)\?=/gi, (_, kind, text) =>
    kind.toLowerCase() === "b" ? decodeBase64(text) : decodeQuotedPrintable(text.replaceAll("_", " ")),
  );
  return tidy(decoded.replace(/\[[^\]]*\]|\b(re|fwd?|aw)(\[\d+\])?:/gi, " "));
}

function plainBody(text: string): string {
  const footer = FOOTER.exec(text);
  const kept = footer !== null && text.slice(0, footer.index).trim() !== "" ? text.slice(0, footer.index) : text;
  return tidy(kept.replace(/^[>|: \t]+/gm, "").replace(FEED_LINE, ""));
}

function tidy(text: string): string {
  return text
    .replace(/\b(https?|ftp):\/\/\S*|\bwww\.\S+|\bmailto:\S*|<?[^\s<>@]+@[^\s<>@]+>?/gi, " ")
    .replace(/[\uFFFD\p{Cc}\s]+/gu, " ")
    .trim();
}
