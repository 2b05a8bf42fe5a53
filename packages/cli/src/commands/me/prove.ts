/** Answers the broker when it asks for a fresh proof: the person types a code or the password, and the call goes on. */
import type { Fila } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';

export async function withProof<T>(context: CliContext, fila: Fila, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'step_up_required' || !context.canAsk) throw error;
  }
  const { totp, name } = await fila.sessions.whoami();
  const proof = totp
    ? { code: await context.ask(`This is dangerous. Code of the authenticator of ${name}: `) }
    : { password: await context.askSecret(`This is dangerous. Password of ${name}: `) };
  await fila.sessions.stepUp(proof);
  return call();
}
