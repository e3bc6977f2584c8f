// Shows the height of the network that network.json names, by its node or by the visitor's wallet.
const network = await (await fetch("/network.json")).json();
document.getElementById("network").textContent = `Network ${network.chainId}`;

async function height() {
  const request = { jsonrpc: "2.0", id: 1, method: "eth_blockNumber", params: [] };
  if (network.rpcUrl) {
    const answer = await fetch(network.rpcUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    return (await answer.json()).result;
  }
  if (!window.ethereum) throw new Error("Neither a node nor a wallet is there.");
  return window.ethereum.request(request);
}

try {
  document.getElementById("height").textContent = Number.parseInt(await height(), 16).toString();
} catch (error) {
  document.getElementById("height").textContent = error.message;
}
