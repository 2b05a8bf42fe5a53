/** Completion: what bash offers when it runs the script, and that each shell's script knows every command. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../testing/run-cli.ts';

const run = promisify(execFile);

async function scriptOf(shell: string): Promise<string> {
  const { code, stdout } = await runCli(['completion', shell]);
  expect(code).toBe(0);
  return stdout;
}

describe('bash', () => {
  let script: string;
  beforeAll(async () => {
    script = await scriptOf('bash');
  });

  /** What a Tab offers after these words; the last is the one being typed. */
  async function offers(...words: string[]): Promise<string[]> {
    const line = words.map((word) => `'${word}'`).join(' ');
    const asked = `${script}\nCOMP_WORDS=(fila ${line}); COMP_CWORD=${words.length}; _fila; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run('bash', ['-c', asked]);
    return stdout.split('\n').filter((word) => word !== '');
  }

  it('offers commands, and verbs of a command', async () => {
    expect(await offers('')).toEqual(expect.arrayContaining(['serve', 'keys', 'requests', 'completion']));
    expect(await offers('ke')).toEqual(['keys']);
    expect(await offers('keys', 're')).toEqual(['resume', 'revoke']);
    expect(await offers('keys', 'x')).toEqual([]);
  });

  it('offers flags of the command and the global ones', async () => {
    expect(await offers('requests', 'list', '--s')).toEqual(['--status', '--since']);
    expect(await offers('requests', 'list', '--token')).toEqual(['--token-file']);
    expect(await offers('keys', 'list', '--model')).toEqual([]);
  });

  it('offers the choices of a flag and of an argument', async () => {
    expect(await offers('requests', 'list', '--status', 'pro')).toEqual(['processing']);
    expect(await offers('keys', '-o', 'js')).toEqual(['json', 'jsonl']);
    expect(await offers('keys', 'list', '--output', 'y')).toEqual(['yaml']);
    expect(await offers('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });

  it('finds the command behind flags that come before it', async () => {
    expect(await offers('-o', 'json', 'keys', 'susp')).toEqual(['suspend']);
  });
});

describe('zsh and fish', () => {
  it('zsh knows verbs with what they do, and choices', async () => {
    const script = await scriptOf('zsh');
    expect(script).toMatch(/^#compdef fila\n/);
    expect(script).toContain("'suspend:refuse keys until they are resumed'");
    expect(script).toContain("(' requests list --status') compadd -- 'pending' 'processing'");
    expect(script).toContain("(*' --output' | *' -o') compadd -- 'table'");
  });

  it('fish knows verbs with what they do, choices, and files', async () => {
    const script = await scriptOf('fish');
    expect(script).toContain(
      "-n '__fila_at \\'keys\\'' -f -a suspend -d 'refuse keys until they are resumed'",
    );
    expect(script).toContain("-l status -x -a 'pending processing completed failed cancelled expired'");
    expect(script).toContain('complete -c fila -l token-file -r -F');
  });

  it('refuses a shell that it does not know', async () => {
    const { code, stderr } = await runCli(['completion', 'tcsh']);
    expect(code).toBe(2);
    expect(stderr).toContain('One of bash, zsh, fish');
  });
});
