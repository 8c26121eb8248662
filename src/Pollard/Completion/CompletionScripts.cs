namespace Pollard.Completion;

/// <summary>What makes a shell ask the program for candidates: <c>pollard complete -- WORDS</c> prints one a line, a tab, what it means.</summary>
internal static class CompletionScripts
{
    public const string Bash = """
        # Completion of pollard for bash. The program itself is asked for candidates, so this never falls behind it.
        _pollard() {
          local line=${COMP_LINE:0:COMP_POINT} program=${1/#\~/$HOME} words current prefix text
          read -ra words <<<"$line"
          [[ $line == *[[:space:]] ]] && words+=("")
          current=${words[${#words[@]} - 1]}
          prefix=${current%"${current##*[=:]}"} # What stands before the last of these, readline keeps.
          COMPREPLY=()
          while IFS=$'\t' read -r text _; do
            COMPREPLY+=("${text#"$prefix"}")
          done < <("$program" complete -- "${words[@]:1}" 2>/dev/null)
        }
        complete -o default -F _pollard pollard
        """;

    public const string Zsh = """
        #compdef pollard
        # Completion of pollard for zsh. The program itself is asked for candidates, so this never falls behind it.
        _pollard() {
          local line text program=${words[1]/#\~/$HOME}
          local -a candidates
          while IFS= read -r line; do
            text=${line%%$'\t'*}
            candidates+=("${text//:/\\:}:${line#*$'\t'}")
          done < <("$program" complete -- "${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
          if (( ${#candidates} )); then
            _describe pollard candidates
          else
            _files
          fi
        }
        if [[ ${funcstack[1]} == _pollard ]]; then
          _pollard # Found in fpath, and loaded by the first completion.
        else
          compdef _pollard pollard
        fi
        """;

    public const string Fish = """
        # Completion of pollard for fish. The program itself is asked for candidates, so this never falls behind it.
        function __pollard_candidates
            set -l words (commandline -opc)
            set -l current (commandline -ct)
            set -l candidates ($words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
            if test (count $candidates) -gt 0
                printf '%s\n' $candidates
            else
                __fish_complete_path "$current"
            end
        end
        complete -c pollard -f -a '(__pollard_candidates)'
        """;

    public const string PowerShell = """
        # Completion of pollard for PowerShell. The program itself is asked for candidates, so this never falls behind it.
        Register-ArgumentCompleter -Native -CommandName pollard -ScriptBlock {
            param($wordToComplete, $commandAst, $cursorPosition)
            $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
                Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })
            # Older versions drop an empty argument, so it goes in quotation marks.
            $current = if ($wordToComplete) { $wordToComplete } else { '""' }
            & $commandAst.CommandElements[0].Extent.Text complete '--' @before $current 2>$null | ForEach-Object {
                $text, $means = $_ -split "`t", 2
                [System.Management.Automation.CompletionResult]::new(
                    $text, $text, 'ParameterValue', $(if ($means) { $means } else { $text }))
            }
        }
        """;
}
