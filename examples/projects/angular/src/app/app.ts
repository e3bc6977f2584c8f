import { Component, OnInit, signal } from '@angular/core';

interface Settings {
  application: string;
  environment: string;
}

@Component({
  selector: 'app-root',
  template: `
    <h1>Angular sample</h1>
    @if (settings(); as found) {
      <p>{{ found.application }} in {{ found.environment }}</p>
    }
  `,
})
export class App implements OnInit {
  protected readonly settings = signal<Settings | null>(null);

  async ngOnInit(): Promise<void> {
    this.settings.set(await (await fetch('/config.json')).json());
  }
}
