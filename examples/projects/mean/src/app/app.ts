import { Component, OnInit, signal } from '@angular/core';

interface Thing {
  what: string;
  where: string;
}

@Component({
  selector: 'app-root',
  template: `
    <h1>Lost and found</h1>
    @for (thing of things(); track $index) {
      <p>{{ thing.what }}, {{ thing.where }}</p>
    } @empty {
      <p>{{ notice() }}</p>
    }
  `,
})
export class App implements OnInit {
  protected readonly things = signal<Thing[]>([]);
  protected readonly notice = signal('Nothing has been found yet.');

  async ngOnInit(): Promise<void> {
    const answer = await fetch('/api/things');
    const body = await answer.json();
    if (answer.ok) this.things.set(body);
    else this.notice.set(body.error);
  }
}
