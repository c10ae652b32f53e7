import { hash, randomBytes } from "node:crypto";

const BRAND = "cairn_";
const SECRET_BYTES = 32;
const CHECKSUM_LENGTH = 8;
const SHOWN_LENGTH = BRAND.length + 8;
const FORM = new RegExp(`^${BRAND}[0-9a-f]{${SECRET_BYTES * 2 + CHECKSUM_LENGTH}}$`);

/** A new key: 256 random bits and a checksum, behind a prefix that secret scanners can look for. */
export function newSecret(): string {
  const random = randomBytes(SECRET_BYTES).toString("hex");
  return BRAND + random + checksum(random);
}

/** Whether it was one of ours before a slip of the hand; saves asking the database. */
export function isMistyped(secret: string): boolean {
  if (!secret.startsWith(BRAND)) return false;
  const body = secret.slice(BRAND.length);
  return !FORM.test(secret) || checksum(body.slice(0, -CHECKSUM_LENGTH)) !== body.slice(-CHECKSUM_LENGTH);
}

/** What is stored. Plain SHA-256, because 256 random bits cannot be guessed. */
export function hashSecret(secret: string): Buffer<ArrayBuffer> {
  return hash("sha256", secret, "buffer") as Buffer<ArrayBuffer>;
}

/** The part by which a person recognises a key in a list; of a key that was not made here, hardly any. */
export function shownPart(secret: string): string {
  return secret.slice(0, secret.startsWith(BRAND) ? SHOWN_LENGTH : 4);
}

function checksum(text: string): string {
  return hash("sha256", text).slice(0, CHECKSUM_LENGTH);
}
