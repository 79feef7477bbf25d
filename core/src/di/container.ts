/**
 * Services by token. The one importer of inversify: a container is made for the server and one for each listener, at
 * the start only; nothing is resolved per connection or message.
 */
import { Container, inject as inversifyInject, injectable as inversifyInjectable } from 'inversify';
import { MailError, messageOf } from '../errors.js';
import type { ServiceClass } from '../plugin/define.js';
import type { Token } from './token.js';

/** Bindings of one scope; what is not found is looked for in the parent. */
export interface ServiceContainer {
  bind<T>(token: Token<T>, service: T): void;
  /** Binds a service in the place of one that this very scope has bound. */
  rebind<T>(token: Token<T>, service: T): void;
  /** Binds a class; it is made at the first `get`. */
  bindClass<T>(token: Token<T>, service: ServiceClass<T>): void;
  has(token: Token<unknown>): boolean;
  /** Throws `E_TOKEN_MISSING` or `E_CYCLE`, naming what is wrong. */
  get<T>(token: Token<T>): T;
  child(): ServiceContainer;
}

/** An empty container. */
export function createContainer(): ServiceContainer {
  return wrap(new Container({ defaultScope: 'Singleton' }));
}

/** Marks a class whose constructor's collaborators are injected; put it on every class given to `provideClass`. */
export function injectable(): ClassDecorator {
  return inversifyInjectable();
}

/** Names the service that a constructor's parameter gets: `constructor(@inject(Clock) clock: Clock)`. */
export function inject(token: Token<unknown>): ParameterDecorator {
  return inversifyInject(token.id) as ParameterDecorator;
}

function wrap(container: Container): ServiceContainer {
  return {
    bind(token, service) {
      container.bind(token.id).toConstantValue(service);
    },
    rebind(token, service) {
      container.unbind(token.id);
      container.bind(token.id).toConstantValue(service);
    },
    bindClass(token, service) {
      container
        .bind(token.id)
        .to(service as unknown as new () => object)
        .inSingletonScope();
    },
    has: (token) => container.isBound(token.id),
    get<T>(token: Token<T>): T {
      try {
        return container.get<T>(token.id);
      } catch (cause) {
        throw explainFailure(token, cause);
      }
    },
    child: () => wrap(new Container({ defaultScope: 'Singleton', parent: container })),
  };
}

function explainFailure(token: Token<unknown>, cause: unknown): MailError {
  const text = messageOf(cause).split('\n')[0] ?? '';
  const name = (symbolText: string) => symbolText.replace(/Symbol\(postroad\.token\.([^)]*)\)/g, '$1');
  if (/circular/i.test(text)) {
    return new MailError('E_CYCLE', `services need each other in a circle: ${name(text)}`, { cause });
  }
  return new MailError('E_TOKEN_MISSING', `${token.name} can't be provided: ${name(text)}`, { cause });
}
