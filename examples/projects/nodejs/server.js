// Converts temperatures. Exported for Lambda, listening by itself everywhere else.
const express = require("express");

const app = express();

app.get("/", (request, response) => {
  response.json({ sample: "nodejs", try: "/celsius/100" });
});

app.get("/celsius/:degrees", (request, response) => {
  const degrees = Number(request.params.degrees);
  if (Number.isNaN(degrees)) return response.status(400).json({ error: "Give a number." });
  return response.json({ celsius: degrees, fahrenheit: (degrees * 9) / 5 + 32 });
});

module.exports = app;
if (require.main === module) app.listen(Number(process.env.PORT || 8080), process.env.HOST);
