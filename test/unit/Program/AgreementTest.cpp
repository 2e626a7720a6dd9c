// The verifier against checkers that share none of its ideas: both ways, on random programs and on mutants.

#include "runtime/program/Events.h"
#include "runtime/program/Schedule.h"
#include "runtime/program/Serialize.h"
#include "runtime/program/Verify.h"
#include "runtime/program/testing/Explore.h"
#include "runtime/program/testing/Generate.h"
#include "runtime/program/testing/Mutate.h"
#include "runtime/program/testing/Reference.h"

#include <gtest/gtest.h>
#include <map>

namespace ingot::program::test {
namespace {

using testing::Mutation;

std::set<Rule> rulesOf(const VerifyResult &result) {
  std::set<Rule> rules;
  for (const Violation &violation : result.violations)
    rules.insert(violation.rule);
  return rules;
}

std::string list(const std::set<Rule> &rules) {
  std::string text;
  for (Rule rule : rules)
    text += std::string(text.empty() ? "" : ", ") + toString(rule);
  return text.empty() ? "nothing" : text;
}

struct Tally {
  int accepted = 0, refused = 0;
  std::map<Rule, int> byRule;
  void count(const VerifyResult &result) {
    ++(result.ok() ? accepted : refused);
    for (Rule rule : rulesOf(result))
      ++byRule[rule];
  }
};

/// Verdicts must be equal; and what the verifier calls a race, a deadlock, ... must be one.
void expectExplorerAgrees(const Program &program, Tally &tally) {
  VerifyResult verdict = verify(program);
  testing::Exploration truth = testing::explore(program);
  tally.count(verdict);
  ASSERT_TRUE(truth.complete);
  EXPECT_EQ(verdict.ok(), truth.broken.empty())
      << "verifier: " << verdict.status().message() << "; explorer: " << list(truth.broken);
  for (Rule rule : rulesOf(verdict)) {
    // Where counts are wrong, the explorer sees what comes of it: a stuck step as well as a wrong final count.
    bool seen = truth.broken.count(rule) || (rule == Rule::Signals && truth.broken.count(Rule::Deadlock));
    EXPECT_TRUE(seen) << "verifier: " << toString(rule) << "; explorer: " << list(truth.broken);
  }
}

TEST(Agreement, RandomSmallPrograms) {
  Tally tally;
  for (uint64_t seed = 0; seed < 3000 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Program program = testing::randomSmallProgram(seed);
    ASSERT_LE(program.numTasks(), 10);
    expectExplorerAgrees(program, tally);
  }
  // The generator makes enough of both.
  EXPECT_GT(tally.accepted, 500);
  EXPECT_GT(tally.refused, 300);
  for (Rule rule : {Rule::Deadlock, Rule::Race, Rule::UndefinedRead, Rule::OutputWritten})
    EXPECT_GT(tally.byRule[rule], 20) << toString(rule);
}

/// Mutants of accepted programs. A mutant that behaves like a correct program (a redundant wait dropped, a region
/// shrunk, independent tasks swapped, scratch moved to free bytes) is equivalent and must be accepted; the explorer
/// decides.
TEST(Agreement, MutantsOfSmallPrograms) {
  std::map<Mutation, Tally> tallies;
  int mutants = 0;
  for (uint64_t seed = 100000; mutants < 8000 && !HasFailure(); ++seed) {
    Program program = testing::randomSmallProgram(seed);
    if (!verify(program).ok())
      continue;
    testing::Random random(seed);
    for (Mutation mutation : testing::kMutations)
      if (auto mutant = testing::mutate(program, mutation, random)) {
        SCOPED_TRACE("seed " + std::to_string(seed) + " " + toString(mutation));
        expectExplorerAgrees(*mutant, tallies[mutation]);
        ++mutants;
      }
  }
  for (Mutation mutation : testing::kMutations) {
    const Tally &tally = tallies[mutation];
    RecordProperty(std::string(toString(mutation)) + "_accepted", tally.accepted);
    RecordProperty(std::string(toString(mutation)) + "_refused", tally.refused);
    // A lost signal or a wrong threshold is never equivalent: the next step would start from a wrong count.
    bool counts =
        mutation == Mutation::DropSignal || mutation == Mutation::ThresholdUp || mutation == Mutation::ThresholdDown;
    EXPECT_GT(tally.refused, 10) << toString(mutation);
    EXPECT_EQ(tally.accepted > 20, !counts) << toString(mutation) << " accepted " << tally.accepted;
  }
}

/// Programs shaped like decoders, with events by hand and with chosen ones: all accepted. Their mutants: the pairwise
/// checker decides, and not one that it finds broken is accepted, nor one refused that it finds sound.
TEST(Agreement, MutantsOfLargePrograms) {
  std::vector<Program> programs;
  using Events = std::optional<Granularity>;
  for (Events granularity : {Events(), Events(Granularity::Whole), Events(Granularity::Parts)})
    for (uint32_t workers : {2, 5, 16}) {
      testing::DecodeShape shape;
      shape.layers = 6;
      shape.hidden = 32;
      shape.heads = 8;
      shape.tiles = 8;
      shape.ffn = 64;
      shape.perTileEvents = true;
      programs.push_back(testing::decodeProgram(shape, workers));
      if (granularity) {
        chooseEvents(programs.back(), workers, {}, *granularity);
        programs.back().schedule = schedule(programs.back(), workers);
      }
      EXPECT_GT(programs.back().numTasks(), 200);
      EXPECT_TRUE(verify(programs.back()).ok()) << verify(programs.back()).status().message();
      EXPECT_EQ(list(testing::checkByPairs(programs.back())), "nothing");
    }
  Tally tally;
  testing::Random random(2);
  for (int i = 0; i < 1500 && !HasFailure(); ++i) {
    const Program &program = programs[size_t(i) % programs.size()];
    Mutation mutation = testing::kMutations[size_t(i) / programs.size() % testing::kMutations.size()];
    SCOPED_TRACE("mutant " + std::to_string(i) + " " + toString(mutation));
    auto mutant = testing::mutate(program, mutation, random);
    if (!mutant)
      continue;
    VerifyResult verdict = verify(*mutant);
    std::set<Rule> truth = testing::checkByPairs(*mutant);
    tally.count(verdict);
    EXPECT_EQ(verdict.ok(), truth.empty()) << "verifier: " << verdict.status().message() << "; pairs: " << list(truth);
  }
  EXPECT_GE(tally.accepted + tally.refused, 1000);
  EXPECT_GT(tally.refused, 500);
  EXPECT_GT(tally.accepted, 50);
  RecordProperty("accepted", tally.accepted);
  RecordProperty("refused", tally.refused);
}

/// Several random faults at once, so that few survive and those that do are odd.
TEST(Agreement, RepeatedMutationsOfSmallPrograms) {
  Tally tally;
  for (uint64_t seed = 0; seed < 1500 && !HasFailure(); ++seed) {
    testing::Random random(seed);
    Program program = testing::randomSmallProgram(seed);
    for (int64_t rounds = 2 + random.below(4); rounds > 0; --rounds) {
      Mutation mutation = testing::kMutations[size_t(random.below(int64_t(testing::kMutations.size())))];
      if (auto mutant = testing::mutate(program, mutation, random))
        program = *mutant;
    }
    SCOPED_TRACE("seed " + std::to_string(seed));
    expectExplorerAgrees(program, tally);
    EXPECT_EQ(verify(program).ok(), testing::checkByPairs(program).empty());
  }
  EXPECT_GT(tally.accepted, 50);
}

} // namespace
} // namespace ingot::program::test
