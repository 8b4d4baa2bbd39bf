# Sourced by environment.sh: the words that a script is called with, and its help, which is the comment it begins with.

print_help() {
    awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
}

refuse() { # message: end the script as commands end on a mistake in their options
    echo "$(basename "$0"): $*" >&2
    exit 2
}

# take_options "options with a value" "flags" LEAST MOST words...
# Sets the variable of each of the script's own options that the words hold; flags are set to yes. What is no option
# comes into the array words, of which there may be LEAST to MOST; all other options, which are for the commands that
# the script calls, into the array more. Options are written --name value or --name=value, - and _ in names are one.
take_options() {
    local valued=" $1 " flags=" $2 " least="$3" most="$4" word name
    shift 4
    words=() more=()
    while [ $# -gt 0 ]; do
        word="$1" && shift
        case "$word" in
            -h | --help) print_help; exit 0 ;;
            --*) ;;
            *) words+=("$word"); continue ;;
        esac
        name="${word%%=*}" && name="${name#--}"
        case "$valued$flags" in
            *" ${name//-/_} "*) name="${name//-/_}" ;;
            *)
                more+=("$word")
                if [[ "$word" != *=* ]] && [ $# -gt 0 ] && [[ "$1" != --* ]]; then more+=("$1") && shift; fi
                continue
                ;;
        esac
        if [[ "$word" == *=* ]]; then
            printf -v "$name" %s "${word#*=}"
        elif [[ "$flags" == *" $name "* ]]; then
            printf -v "$name" yes
        else
            [ $# -gt 0 ] || refuse "--$name needs a value; --help lists the options"
            printf -v "$name" %s "$1" && shift
        fi
    done
    if [ ${#words[@]} -lt "$least" ]; then print_help >&2 && exit 2; fi
    [ ${#words[@]} -le "$most" ] || refuse "'${words[$most]}' is one word too many; --help shows what it takes"
}

# choose_more command...
# Sets the array chosen to those options of more, with their values, that a command's help lists.
choose_more() {
    local listed word name taken=""
    chosen=()
    [ ${#more[@]} -gt 0 ] || return 0
    listed="$("$@" --help | grep -oE '^ +--[A-Za-z_.]+')"
    for word in "${more[@]}"; do
        if [[ "$word" == --* ]]; then
            taken="" name="${word%%=*}"
            name="${name#--}" && name="--${name//-/_}"
            while [ -n "$name" ]; do # --model.options.width is listed as --model
                if grep -qx " *$name" <<<"$listed"; then taken=yes && break; fi
                if [[ "$name" == *.* ]]; then name="${name%.*}"; else name=""; fi
            done
        fi
        if [ -n "$taken" ]; then chosen+=("$word"); fi
    done
}

# know_more command, command...
# Ends the script if more has an option that none of the commands lists, before any of them does its work.
know_more() {
    local command word known=""
    [ ${#more[@]} -gt 0 ] || return 0
    for command in "$@"; do
        # shellcheck disable=SC2086
        choose_more $command
        known+=" ${chosen[*]+${chosen[*]}} "
    done
    for word in "${more[@]}"; do
        if [[ "$word" == --* ]] && [[ "$known" != *" $word "* ]]; then
            refuse "no option ${word%%=*}; --help lists those of the script, '$1 --help' those that it passes on"
        fi
    done
}

one_of() { # option, value, allowed values...
    local option="$1" value="$2" allowed
    shift 2
    for allowed in "$@"; do [ "$value" != "$allowed" ] || return 0; done
    refuse "$option $value: give one of $*"
}
