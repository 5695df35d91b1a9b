#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Write completions from the program's own tables: generate.py SHELL BEDPLATE > FILE"""
import json
import subprocess
import sys

FILES = {"FILE", "METADATA", "DEVICE", "INPUT", "OUTPUT", "DIR", "SIZE|FILE"}  # names of values
MAPPED = {"NAME", "POOL"}  # of operands that exist already; new names don't hurt


def shown(options):
    return [option for option in options if not option["hidden"]]


def words(option):
    """An option's spellings, those that take a value with "=" where they are long."""
    result = []
    if option["letter"]:
        result.append("-" + option["letter"])
    if option["name"]:
        result.append("--" + option["name"] + ("=" if option["takes_value"] else ""))
    return result


def value_of(option):
    """What a value is completed to: choices, "FILES", "MAPPED", or nothing."""
    if option["kind"] == "choice":
        return " ".join(option["choices"])
    if option["value"] in FILES:
        return "FILES"
    return "MAPPED" if option["name"] == "origin" else ""


def operand_of(command):
    kinds = {operand["value"] for operand in shown(command["operands"])}
    if command["name"] == "create" or "TARGET" in kinds:
        return "TARGETS"
    if kinds & FILES:
        return "FILES"
    return "MAPPED" if kinds & MAPPED else "COMMANDS" if "COMMAND" in kinds else ""


BASH = """\
# bash completion for bedplate; made from its tables.

# _bedplate_words KIND-OR-WORDS: complete the current word.
_bedplate_words() {
	local IFS=$'\\n'
	case $1 in
	FILES) compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- "$cur")) ;;
	COMMANDS) COMPREPLY=($(compgen -c -- "$cur")) ;;
	MAPPED) COMPREPLY=($(compgen -W "$(bedplate ls -q -r --noheadings -o name 2> /dev/null)" -- "$cur")) ;;
	TARGETS) COMPREPLY=($(compgen -W "$(bedplate targets -q -r --noheadings -o name 2> /dev/null)" -- "$cur")) ;;
	*) COMPREPLY=($(IFS=' ' compgen -W "$1" -- "$cur")) ;;
	esac
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}

# Options of the last target on the line, from its help.
_bedplate_target_options() {
	local word target=
	for word in "${COMP_WORDS[@]:2}"; do
		[[ $word == [a-z]* ]] && target=$word
	done
	[[ -z $target ]] || bedplate "$1" x "$target" --help 2> /dev/null |
		sed -n 's/^      \\(--[a-z.-]*\\)\\(=\\{0,1\\}\\).*/\\1\\2/p'
}

# _bedplate_command NAME: the tables.
_bedplate_command() {
	local options= operand= value=
	case $1 in
%(cases)s
	esac
	case $1:$option in
%(values)s
	esac
	if [[ -n $value ]]; then
		_bedplate_words "$value"
	elif [[ $cur == -* ]]; then
		[[ $operand == TARGETS ]] && options+=" $(_bedplate_target_options "$1")"
		_bedplate_words "${options//$'\\n'/ }"
	elif [[ $operand == TARGETS && $nr_words -lt 1 && $1 != create && $1 != check-table ]]; then
		_bedplate_words MAPPED
	else
		_bedplate_words "$operand"
	fi
}

_bedplate() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} option= i
	local command=${COMP_WORDS[0]##*/} nr_words=0
	COMPREPLY=()
	[[ $cur == = ]] && cur=
	[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}
	[[ $prev == -* ]] && option=$prev
	if [[ $command == bedplate ]]; then
		command=
		for ((i = 1; i < COMP_CWORD; i++)); do
			[[ ${COMP_WORDS[i]} == -* ]] && continue
			if [[ -z $command || " %(groups)s " == *" $command "* ]]; then
				command+="${command:+ }${COMP_WORDS[i]}"
			else
				((nr_words++))
			fi
		done
	fi
	case $command in
	'') _bedplate_words "%(verbs)s" ;;
%(group_cases)s
	*) _bedplate_command "$command" ;;
	esac
}

complete -F _bedplate bedplate%(links)s
"""


def groups_of(commands):
    groups = {}
    for command in commands:
        if " " in command["name"]:
            group, verb = command["name"].split()
            groups.setdefault(group, []).append(verb)
    return groups


def bash(commands):
    cases, values = [], []
    for command in commands:
        options = shown(command["options"] + command["common"])
        listed = " ".join(word for option in options for word in words(option))
        cases.append(f"\t'{command['name']}') options='{listed}' operand='{operand_of(command)}' ;;")
        for option in options:
            if value_of(option):
                names = "|".join(f"'{command['name']}:{word.rstrip('=')}'" for word in words(option))
                values.append(f"\t{names}) value='{value_of(option)}' ;;")
    groups = groups_of(commands)
    verbs = [c["name"] for c in commands if " " not in c["name"]] + list(groups) + ["help"]
    return BASH % {
        "cases": "\n".join(cases), "values": "\n".join(values),
        "groups": " ".join(groups), "verbs": " ".join(verbs),
        "group_cases": "\n".join(f"\t{group}) _bedplate_words '{' '.join(members)}' ;;"
                                 for group, members in groups.items()),
        "links": "".join(" " + c["name"] for c in commands if c["drop_in"]),
    }


def quoted(text):
    return text.replace("\\", "\\\\").replace("'", "\\'")


def fish_option(option, program, condition):
    line = f"complete -c {program}" + (f" -n '{condition}'" if condition else "")
    if option["letter"]:
        line += f" -s {option['letter']}"
    if option["name"]:
        line += f" -l {option['name']}"
    if option["takes_value"]:
        value = value_of(option)
        line += " -r -F" if value == "FILES" else " -x"
        if option["kind"] == "choice":
            line += f" -a '{value}'"
    return line + f" -d '{quoted(option['help'])}'"


def fish(commands):
    lines = ["# fish completion for bedplate; made from its tables.", "complete -c bedplate -f"]
    for command in commands:
        first, *second = command["name"].split()
        condition = f"__fish_seen_subcommand_from {first}"
        if second:
            groups = " ".join(groups_of(commands)[first])
            lines.append(f"complete -c bedplate -n '{condition}; and not "
                         f"__fish_seen_subcommand_from {groups}' -a {second[0]} "
                         f"-d '{quoted(command['summary'])}'")
            condition += f"; and __fish_seen_subcommand_from {second[0]}"
        else:
            lines.append(f"complete -c bedplate -n __fish_use_subcommand -a {first} "
                         f"-d '{quoted(command['summary'])}'")
        lines += [fish_option(o, "bedplate", condition) for o in shown(command["options"] + command["common"])]
        if operand_of(command) == "FILES":
            lines.append(f"complete -c bedplate -n '{condition}' -F")
        if operand_of(command) == "MAPPED":
            lines.append(f"complete -c bedplate -n '{condition}' "
                         "-a '(bedplate ls -q -r --noheadings -o name 2>/dev/null)'")
        if command["drop_in"]:
            lines += [fish_option(o, command["name"], "")
                      for o in shown(command["options"] + command["common"])]
    for group in groups_of(commands):
        lines.append(f"complete -c bedplate -n __fish_use_subcommand -a {group}")
    return "\n".join(lines) + "\n"


ZSH = """\
#compdef bedplate%(links)s
# zsh completion for bedplate; made from its tables.

_bedplate_mapped() {
	compadd -- ${(f)"$(bedplate ls -q -r --noheadings -o name 2> /dev/null)"}
}

_bedplate_targets() {
	compadd -- ${(f)"$(bedplate targets -q -r --noheadings -o name 2> /dev/null)"}
}

# _bedplate_command NAME: what one verb takes.
_bedplate_command() {
	case $1 in
%(cases)s
	esac
}

_bedplate() {
	local -a verbs
	[[ $service == bedplate ]] || { _bedplate_command $service; return }
	while [[ $words[2] == -* ]] && ((CURRENT > 2)); do
		shift words
		((CURRENT--))
	done
	if ((CURRENT == 2)); then
		verbs=(
%(verbs)s
		)
		_describe verb verbs
		return
	fi
	shift words
	((CURRENT--))
	case $words[1] in
%(groups)s
	*) _bedplate_command $words[1] ;;
	esac
}

_bedplate "$@"
"""
ZSH_GROUP = """\
	%(group)s)
		if ((CURRENT == 2)); then
			verbs=(
%(verbs)s
			)
			_describe verb verbs
		else
			shift words
			((CURRENT--))
			_bedplate_command "%(group)s $words[1]"
		fi
		;;"""
ZSH_ACTIONS = {"FILES": "_files", "MAPPED": "_bedplate_mapped", "TARGETS": "_bedplate_targets",
               "COMMANDS": "_command_names -e"}


def zsh_quoted(text, special):
    """For between single quotes, and in a place where @special mean something."""
    for char in "\\" + special:
        text = text.replace(char, "\\" + char)
    return text.replace("'", "'\\''")


def zsh_option(option):
    """An option's arguments for _arguments, one a spelling; any of them may come again."""
    what = value_of(option)
    action = ZSH_ACTIONS.get(what, f"({what})" if what else "")
    value = f":{zsh_quoted(option['value'] or '', ':')}:{action}" if option["takes_value"] else ""
    text = zsh_quoted(option["help"], "[]:")
    return [f"'*{word}[{text}]{value}'" for word in words(option)]


def zsh_command(command):
    options = [word for option in shown(command["options"] + command["common"])
               for word in zsh_option(option)]
    rest = "'*::command: _normal'" if operand_of(command) == "COMMANDS" else \
        f"'*: :{ZSH_ACTIONS.get(operand_of(command), '')}'"
    lines = " \\\n\t\t\t".join(options + [rest])
    return f"\t'{command['name']}')\n\t\t_arguments -s \\\n\t\t\t{lines}\n\t\t;;"


def zsh_verbs(verbs, indent):
    return "\n".join(f"{indent}'{name}:{zsh_quoted(summary, ':')}'" for name, summary in verbs)


def zsh(commands):
    groups = groups_of(commands)
    summaries = {command["name"]: command["summary"] for command in commands}
    verbs = [(name, text) for name, text in summaries.items() if " " not in name]
    verbs += [(group, f"{', '.join(members)}") for group, members in groups.items()]
    return ZSH % {
        "links": "".join(" " + c["name"] for c in commands if c["drop_in"]),
        "cases": "\n".join(zsh_command(command) for command in commands),
        "verbs": zsh_verbs(verbs + [("help", "explain a verb")], "\t\t\t"),
        "groups": "\n".join(ZSH_GROUP % {
            "group": group,
            "verbs": zsh_verbs([(m, summaries[f"{group} {m}"]) for m in members], "\t\t\t\t"),
        } for group, members in groups.items()),
    }


def main():
    dump = subprocess.run([sys.argv[2], "--dump-commands"], check=True, capture_output=True)
    commands = [c for c in json.loads(dump.stdout)["data"] if not c["hidden"]]
    sys.stdout.write({"bash": bash, "fish": fish, "zsh": zsh}[sys.argv[1]](commands))


main()
