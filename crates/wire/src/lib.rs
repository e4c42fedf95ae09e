//! AWS's wire: SigV4, AWS JSON, Query, XML errors and the shapes of every operation. It never knows sockets or what an operation does.
