/** `fila completion <shell>`: prints what makes the shell complete commands, flags and their choices. */
import type { Command } from 'commander';
import { oneOf } from '../../options.ts';
import type { Run } from '../../program.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export function addCompletion(program: Command, run: Run): void {
  program
    .command('completion')
    .description('print the completion of a shell: bash, zsh, fish')
    .argument('<shell>', SHELLS.join(', '), oneOf(SHELLS))
    .addHelpText(
      'after',
      [
        '\nIn this shell:  source <(fila completion bash)   (zsh alike; fish: fila completion fish | source)',
        'For good:       fila completion bash > ~/.local/share/bash-completion/completions/fila',
        '                fila completion zsh > "${fpath[1]}/_fila"',
        '                fila completion fish > ~/.config/fish/completions/fila.fish',
      ].join('\n'),
    )
    .action((shell: (typeof SHELLS)[number], _options, command) =>
      run(command, async ({ out }) => {
        const { completionScript } = await import('./completion-script.ts');
        out.print(completionScript(shell, program));
      }),
    );
}
