// A build without NCCL: ranks compute on CPUs only.
#ifndef CF_WITH_NCCL

#include "framework/parallel/communicator.h"

namespace cf {

std::unique_ptr<Communicator> make_nccl_communicator(Rendezvous&, int) {
  fail(ErrorKind::Usage,
       "training on several GPUs needs NCCL, which was not there when this program was built; --device cpu "
       "trains on several CPU ranks");
}

}  // namespace cf

#endif
