/** `fila logout`: ends the session, there and here. */
import type { CliContext } from '../../cli-context.ts';
import { readSession, removeSession } from '../../contexts.ts';

export async function logout(context: CliContext): Promise<void> {
  const { env } = context.host;
  const { url } = context.profile();
  const session = readSession(env, url, context.now());
  if (!session) {
    removeSession(env, url);
    return context.out.notice('Nobody is signed in.');
  }
  const { Fila } = await import('@fila/sdk');
  const fila = new Fila({ url, adminToken: session.token, userAgent: 'fila-cli' });
  await fila.sessions.signOut().catch((error: { status?: number }) => {
    // It has ended already.
    if (error.status !== 401) throw error;
  });
  removeSession(env, url);
  context.out.notice(`✔ ${session.user} is signed out.`);
}
