// A shared whiteboard's server: what one draws, the others of the board see.
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const server = createServer((request, response) => {
  response.writeHead(200, { "content-type": "text/plain" });
  response.end("The whiteboard's server is well.\n");
});

new Server(server).on("connection", (socket) => {
  socket.on("join", (board) => socket.join(String(board).slice(0, 50)));
  socket.on("draw", (board, line) => socket.to(String(board).slice(0, 50)).emit("draw", line));
});

server.listen(Number(process.env.PORT || 8080), process.env.HOST);
