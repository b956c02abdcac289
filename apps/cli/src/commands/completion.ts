/** `completion bash|zsh|fish`: a script for the shell, made of the table of commands that the program itself has. */
import { Argument, type Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import type { Cli } from "../session.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

export function addCompletion(parent: Command, cli: Cli): void {
  parent
    .command("completion")
    .description("print a script that lets a shell complete the commands")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText("after", EXAMPLES)
    .action((shell: Shell) => {
      cli.io.stdout.write(SCRIPTS[shell](wordsBelow(parent)));
      cli.exitCode = EXIT.ok;
    });
}

const EXAMPLES = `
Examples:
  portcullis completion bash > ~/.local/share/bash-completion/completions/portcullis
  portcullis completion zsh > "\${fpath[1]}/_portcullis"
  portcullis completion fish > ~/.config/fish/completions/portcullis.fish

Needs the sign-in of nobody, and no client: it asks no server.`;

/** What can follow: of a command, the names below it and its options; of the whole program also the options of all commands. */
interface Words {
  /** Names on the way there, joined by a space; "" for the program. */
  readonly path: string;
  readonly names: readonly string[];
  readonly options: readonly string[];
}

function wordsBelow(program: Command): readonly Words[] {
  const common = optionsOf(program);
  const of = (command: Command, path: readonly string[]): Words[] => [
    {
      path: path.join(" "),
      names: command.commands.map((each) => each.name()),
      options: [...new Set([...optionsOf(command), ...common])],
    },
    ...command.commands.flatMap((each) => of(each, [...path, each.name()])),
  ];
  return of(program, []);
}

const optionsOf = (command: Command): string[] => [
  ...command.options.flatMap(({ long }) => (long ? [long] : [])),
  "--help",
];

const SCRIPTS: Readonly<Record<Shell, (words: readonly Words[]) => string>> = {
  bash: bashScript,
  zsh: (words) => `#compdef portcullis\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(words)}`,
  fish: fishScript,
};

/**
 * The way is the names typed so far that are names there, options left out: a value of an option that happens to be the name of
 * a command leads astray at worst in what is offered.
 */
function bashScript(words: readonly Words[]): string {
  const cases = words.map(
    ({ path, names, options }) =>
      `    ${JSON.stringify(path)}) names=${JSON.stringify(names.join(" "))} options=${JSON.stringify(options.join(" "))} ;;`,
  );
  return `_portcullis_words() {
  case "$1" in
${cases.join("\n")}
    *) return 1 ;;
  esac
}

_portcullis() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" names="" options="" word longer
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    longer="\${path:+$path }$word"
    if _portcullis_words "$longer"; then path="$longer"; fi
  done
  _portcullis_words "$path"
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$names" -- "$current"))
  fi
}

complete -o default -F _portcullis portcullis
`;
}

/** One line a name or an option: fish asks each whether it is meant. */
function fishScript(words: readonly Words[]): string {
  const lines = words.flatMap(({ path, names, options }) => [
    ...names.map((name) => `complete -c portcullis -n '__portcullis_at "${path}"' -f -a ${name}`),
    ...options.map((option) => `complete -c portcullis -n '__portcullis_at "${path}"' -l ${option.slice(2)}`),
  ]);
  const paths = words.map(({ path }) => `"${path}"`).join(" ");
  return `function __portcullis_at
  set -l paths ${paths}
  set -l path ""
  set -l typed (commandline -opc)
  for word in $typed[2..]
    set -l longer (string trim -- "$path $word")
    contains -- $longer $paths; and set path $longer
  end
  test "$path" = "$argv[1]"
end

${lines.join("\n")}
`;
}
