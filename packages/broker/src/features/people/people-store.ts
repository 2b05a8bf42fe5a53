/** All that is kept about people, on one database. */
import type { Sequelize } from 'sequelize';
import { loginFailureStore, type LoginFailureStore } from './login-failure-store.ts';
import { serviceTokenStore, type ServiceTokenStore } from './service-token-store.ts';
import { sessionStore, type SessionStore } from './session-store.ts';
import { userStore, type UserStore } from './user-store.ts';

export interface PeopleStore {
  readonly users: UserStore;
  readonly sessions: SessionStore;
  readonly serviceTokens: ServiceTokenStore;
  readonly loginFailures: LoginFailureStore;
}

export function peopleStore(sequelize: Sequelize): PeopleStore {
  return {
    users: userStore(sequelize),
    sessions: sessionStore(sequelize),
    serviceTokens: serviceTokenStore(sequelize),
    loginFailures: loginFailureStore(sequelize),
  };
}
