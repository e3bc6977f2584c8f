import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

function App() {
  const [settings, setSettings] = useState(null);
  useEffect(() => {
    fetch("/config.json").then((answer) => answer.json()).then(setSettings);
  }, []);
  return (
    <main>
      <h1>React sample</h1>
      <p>Path: {window.location.pathname}</p>
      <p>{settings ? `${settings.application} in ${settings.environment}` : "Loading"}</p>
    </main>
  );
}

createRoot(document.getElementById("root")).render(<App />);
