"""Moved to tests/world: these names stay until their last users have moved."""

from tests.world.apart import scratch as scratch
from tests.world.buyers import Sale as Sale
from tests.world.buyers import Sku as Sku
from tests.world.buyers import api as api
from tests.world.buyers import come_in as come_in
from tests.world.buyers import join as join
from tests.world.buyers import make_event as make_event
from tests.world.buyers import order as order
from tests.world.buyers import pay as pay
from tests.world.buyers import until_status as until_status
from tests.world.stack import kill as kill
from tests.world.stack import ticketcraze as ticketcraze
from tests.world.stack import until_back as until_back
from tests.world.waiting import until as until
