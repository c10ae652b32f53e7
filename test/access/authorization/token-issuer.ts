import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { NOW } from "../../setup/app";

const AUDIENCE = "https://cairn.example";
const HOUR = 3_600;
const ADMIN = { roles: ["cairn-admin"] };

export type Issuer = Awaited<ReturnType<typeof startIssuer>>;

/** As much of an identity provider as signs people in at the tests' time; a whole one is in tokens.test.ts. */
export async function startIssuer() {
  const [own, foreign] = [await generateKeyPair("ES256"), await generateKeyPair("ES256")];
  const key = { ...(await exportJWK(own.publicKey)), kid: "first", alg: "ES256" };
  const server = createServer((request, response) => {
    const body = request.url === "/jwks" ? { keys: [key] } : { issuer: url, jwks_uri: `${url}/jwks` };
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sign = (subject: string, claims: Record<string, unknown>, { privateKey }: typeof own, expiresIn: number, issuedAt = NOW) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: "ES256", kid: "first", typ: "at+jwt" })
      .setIssuer(url)
      .setAudience(AUDIENCE)
      .setSubject(subject)
      .setIssuedAt(issuedAt.getTime() / 1000)
      .setExpirationTime(issuedAt.getTime() / 1000 + expiresIn)
      .sign(privateKey);
  return {
    settings: { OIDC_ISSUER: url, OIDC_AUDIENCE: AUDIENCE, OIDC_ADMIN_CLAIM: "roles" },
    /** An admin's. */
    token: (subject: string) => sign(subject, ADMIN, own, HOUR),
    forged: (subject: string) => sign(subject, ADMIN, foreign, HOUR),
    outdated: (subject: string) => sign(subject, ADMIN, own, -HOUR),
    /** Anybody's, with what the provider says of them. */
    personal: (subject: string, claims: Record<string, unknown> = {}, issuedAt = NOW) => sign(subject, claims, own, HOUR, issuedAt),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
