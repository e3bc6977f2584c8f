// A board for lost things: Express answers, Mongoose keeps, the page that Angular built shows.
// It starts without a database too, and says so on /health.
import { fileURLToPath } from "node:url";
import express from "express";
import mongoose from "mongoose";

const address = process.env.MONGODB_URI;
const page = fileURLToPath(new URL("dist/mean-sample/browser", import.meta.url));
const Thing = mongoose.model(
  "Thing",
  new mongoose.Schema({
    what: { type: String, required: true, maxlength: 100 },
    where: { type: String, required: true, maxlength: 100 },
  }),
);

function database() {
  if (!address) return "none: set MONGODB_URI";
  return mongoose.connection.readyState === mongoose.ConnectionStates.connected ? "connected" : "not reachable";
}

const app = express();
app.use(express.json({ limit: "10kb" }));

app.get("/health", (request, response) => {
  response.json({ sample: "mean", status: "up", database: database() });
});

app.use("/api", (request, response, next) => {
  if (database() === "connected") return next();
  return response.status(503).json({ error: `There is no database (${database()}).` });
});

app.get("/api/things", async (request, response) => {
  const found = await Thing.find().sort({ _id: -1 }).limit(50).lean();
  response.json(found.map(({ what, where }) => ({ what, where })));
});

app.post("/api/things", async (request, response) => {
  const { what, where } = request.body ?? {};
  const thing = new Thing({ what, where });
  const fault = thing.validateSync();
  if (fault) return response.status(400).json({ error: fault.message });
  await thing.save();
  return response.status(201).json({ what, where });
});

app.use(express.static(page));

// The driver comes back to a database that it has seen once; until then somebody has to ask again.
async function connect() {
  try {
    await mongoose.connect(address, { serverSelectionTimeoutMS: 5000 });
  } catch (fault) {
    console.error(`No database: ${fault.message}`);
    setTimeout(connect, 2000);
  }
}

if (address) connect();
app.listen(Number(process.env.PORT || 8080), process.env.HOST);
