const fastify = require("fastify");

const app = fastify();
app.get("/readyz", async () => ({ status: "ok" }));
app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
