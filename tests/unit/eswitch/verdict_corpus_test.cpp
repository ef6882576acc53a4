// SPDX-License-Identifier: BSD-3-Clause
#include "accepting_flow_api.h"
#include "verdict_corpus.h"

#include <set>

#include <gtest/gtest.h>

namespace sallyport::eswitch {

namespace {

TEST(VerdictCorpus, TheDoubleSaysWhatTheCorpusHas) {
    AcceptingFlowApi wrapped;
    StrictFlowApi flow(wrapped);
    const CorpusCard card = corpus_card(flow);
    std::set<std::string> names;
    for (const CorpusEntry& entry : verdict_corpus()) {
        SCOPED_TRACE(entry.name);
        EXPECT_TRUE(names.insert(entry.name).second);
        EXPECT_EQ(entry.driver == CorpusEntry::Driver::same, entry.reason.empty());
        CorpusRun run(card);
        entry.run(run);
        EXPECT_EQ(run.answer(), entry.expected) << run.words();
    }
    EXPECT_GE(names.size(), 60U);
    EXPECT_EQ(flow.leaks(), 0U);
}

} // namespace

} // namespace sallyport::eswitch
