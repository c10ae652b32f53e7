// @ts-nocheck: the provider comes without types.
// A real OpenID provider in a process of its own. It reads its settings as JSON from its first
// argument, and says "ready" once it answers.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const { issuer, port, audience, algorithm, keys, people } = JSON.parse(process.argv[2]);

// Each person is a client that gets a token for itself: the shortest way to a token whose subject is known.
const provider = new Provider(issuer, {
  clients: Object.keys(people).map((subject) => ({
    client_id: subject,
    client_secret: "a secret of the tests",
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  })),
  jwks: { keys },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      getResourceServerInfo: () => ({ scope: "", audience, accessTokenFormat: "jwt", accessTokenTTL: 600, jwt: { sign: { alg: algorithm } } }),
    },
  },
  extraTokenClaims: (_, token) => people[token.clientId],
});

createServer(provider.callback()).listen(port, "127.0.0.1", () => console.log("ready"));
