import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { NOW } from "../../setup/app";

const AUDIENCE = "https://cairn.example";
const HOUR = 3_600;
const ADMIN = { roles: ["cairn-admin"] };

export type Issuer = Awaited<ReturnType<typeof startIssuer>>;

/** As much of an identity provider as signs admins in at the tests' time; a whole one is in tokens.test.ts. */
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
  const sign = (subject: string, { privateKey }: typeof own, expiresIn: number) =>
    new SignJWT(ADMIN)
      .setProtectedHeader({ alg: "ES256", kid: "first", typ: "at+jwt" })
      .setIssuer(url)
      .setAudience(AUDIENCE)
      .setSubject(subject)
      .setIssuedAt(NOW.getTime() / 1000)
      .setExpirationTime(NOW.getTime() / 1000 + expiresIn)
      .sign(privateKey);
  return {
    settings: { OIDC_ISSUER: url, OIDC_AUDIENCE: AUDIENCE, OIDC_ADMIN_CLAIM: "roles" },
    token: (subject: string) => sign(subject, own, HOUR),
    forged: (subject: string) => sign(subject, foreign, HOUR),
    outdated: (subject: string) => sign(subject, own, -HOUR),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
