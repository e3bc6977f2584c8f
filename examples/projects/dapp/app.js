// Shows the height of the network that network.json names, by its node or by the visitor's wallet.
const network = await (await fetch("/network.json")).json();
document.getElementById("network").textContent = `Network ${network.chainId}`;

async function ask(method) {
  const question = { jsonrpc: "2.0", id: 1, method, params: [] };
  if (!network.rpcUrl) {
    if (!window.ethereum) throw new Error("Neither a node nor a wallet is there.");
    return window.ethereum.request(question);
  }
  const answer = await fetch(network.rpcUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(question),
  });
  const { result, error } = await answer.json();
  if (error) throw new Error(error.message);
  return result;
}

async function height() {
  // A new node catches up for hours or days; until then it says how far it is.
  const syncing = await ask("eth_syncing");
  const current = Number.parseInt(syncing ? syncing.currentBlock : await ask("eth_blockNumber"), 16);
  return syncing ? `${current} of ${Number.parseInt(syncing.highestBlock, 16)}, catching up` : `${current}`;
}

try {
  document.getElementById("height").textContent = await height();
} catch (error) {
  document.getElementById("height").textContent = error.message;
}
