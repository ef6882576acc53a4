// SPDX-License-Identifier: BSD-3-Clause
// librte_cmdline's structures for commands that are only known at run time.
#pragma once

#include "shell/command_spec.h"

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <cmdline_parse.h>

namespace sallyport::shell {

using ChoicesByKind = std::map<std::string, std::function<std::vector<std::string>()>>;

/// One word of one instruction, with the token operations that librte_cmdline calls. Its own string
/// tokens would cut words at 128 octets and know no completion for arguments.
struct Token {
    /// First member of what librte_cmdline sees, and the way back from it.
    struct Header {
        cmdline_token_hdr hdr;
        Token* token;
    };
    Header header;
    WordSpec spec;
    const ChoicesByKind* choices_by_kind = nullptr;
    /// Literals that another instruction takes in this place.
    std::vector<std::string> refused;
    /// As of the last completion.
    std::vector<std::string> offered;
};

/// What a token's parse operation leaves in librte_cmdline's result buffer.
struct ParsedWord {
    const char* text;
    std::size_t length;
};

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};

/// cmdline_parse_inst_t with the tokens it points to. Not movable: the tokens are pointed to.
class Instruction {
  public:
    /// @param matched called by librte_cmdline with an array of ParsedWord, a word each
    /// @param data handed to @p matched
    /// @param help must outlive the object
    Instruction(const std::vector<WordSpec>& words, const ChoicesByKind& choices, const char* help,
                void (*matched)(void*, cmdline*, void*), void* data);
    Instruction(const Instruction&) = delete;
    Instruction& operator=(const Instruction&) = delete;

    [[nodiscard]] cmdline_parse_inst_t* get() const { return instruction_.get(); }
    [[nodiscard]] const std::vector<std::unique_ptr<Token>>& tokens() const { return tokens_; }

    /// Makes our arguments refuse the words that @p other has fixed in their places.
    void yield_to(const Instruction& other);

    /// How many of the line's first words it takes.
    [[nodiscard]] std::size_t matching_words(const char* line) const;

  private:
    std::vector<std::unique_ptr<Token>> tokens_;
    std::unique_ptr<cmdline_parse_inst_t, Free> instruction_;
};

} // namespace sallyport::shell
