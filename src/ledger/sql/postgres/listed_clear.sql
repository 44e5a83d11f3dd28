DELETE FROM listed WHERE stager = :stager;
DELETE FROM named WHERE stager = :stager;
DELETE FROM told WHERE stager = :stager;
