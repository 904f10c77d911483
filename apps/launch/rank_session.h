// This process as one rank of a run: it has met the others when this object is made, and leaves with it.
#pragma once

#include <memory>
#include <string>

#include "apps/config/config.h"
#include "apps/execution/make_executor.h"
#include "apps/launch/rank_environment.h"
#include "framework/parallel/communicator.h"
#include "framework/parallel/rendezvous.h"

namespace cf::apps {

struct RankDeadlines {
  double silence_seconds = 60;  // a rank of which nothing is heard for so long is stuck
  double join_seconds = 600;    // for all ranks to be there
};

class RankSession {
 public:
  // Waits for the other ranks, which must be of the same build, have the same configuration, and compute
  // either all on CPUs or each on a GPU of its own.
  RankSession(const RankEnvironment& environment, const Config& config, const DeviceOptions& device,
              const RankDeadlines& deadlines);

  Communicator& communicator() { return *communicator_; }
  // "4 ranks on 1 host: 0-3 on node7".
  std::string layout() const { return layout_of(rendezvous_.ranks()); }

  // Returns when all ranks have come to the end of `body`. What it throws is thrown on all ranks.
  template <class Body>
  auto run(Body body) {
    try {
      auto result = body();
      communicator_->barrier();
      return result;
    } catch (const Error& error) {
      rendezvous_.report_failure(error.kind(), error.what());
      throw;
    } catch (const std::exception& error) {
      rendezvous_.report_failure(ErrorKind::Internal, error.what());
      throw;
    }
  }

 private:
  RankSession(const RankEnvironment& environment, const Config& config, std::optional<int> gpu,
              const RankDeadlines& deadlines);

  Rendezvous rendezvous_;
  std::unique_ptr<Communicator> communicator_;
};

}  // namespace cf::apps
